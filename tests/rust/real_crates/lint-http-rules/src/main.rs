//! Prints the rules of lint-http and the violations that they report, which it registers in over 300 modules.

use lint_http_rules::rules::{REGISTERED_PROTOCOL_RULES, REGISTERED_RULES};
use lint_http_rules::violations::REGISTERED_VIOLATIONS;

fn main() {
    for rule in REGISTERED_RULES {
        println!("rule {} reports {} violations", rule.id(), rule.violations().len());
    }
    for rule in REGISTERED_PROTOCOL_RULES {
        println!("protocol rule {} reports {} violations", rule.id(), rule.violations().len());
    }
    for violation in REGISTERED_VIOLATIONS {
        println!("violation {}: {:?}", violation.id, violation.default_severity);
    }
}
