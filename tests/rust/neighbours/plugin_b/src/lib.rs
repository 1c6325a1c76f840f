//! A plugin that nothing refers to.

mod inner {
    use api::Command;

    fn negate(x: i32) -> i32 {
        -x
    }

    #[cfg_attr(not(without_linkme), linkme::distributed_slice(api::COMMANDS))]
    pub static NEGATE: Command = Command { name: "negate", run: negate };
}
