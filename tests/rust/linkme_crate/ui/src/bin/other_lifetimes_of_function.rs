use linkme::distributed_slice;

#[distributed_slice]
static SLICE: [for<'a> fn(&'a str, &'a str) -> &'a str];

#[distributed_slice]
static ANY: [fn(&str)];

#[distributed_slice(SLICE)]
fn first<'a, 'b>(text: &'a str, _: &'b str) -> &'a str {
    text
}

#[distributed_slice(ANY)]
fn only_static(_: &'static str) {}

fn main() {}
