//! Numbers as Go prints them.

use serde_json::Number;

/// Prints an integer in full, and a float as Go's shortest `%g` (`0.5`, `3`, `1e+06`).
pub(super) fn format(number: &Number) -> String {
    if number.is_i64() || number.is_u64() {
        return number.to_string();
    }
    number
        .as_f64()
        .map_or_else(|| number.to_string(), format_float)
}

/// Go writes an exponent below `1e-04` and, in the shortest form, from `1e+06` on.
const PRECISION: i32 = 6;

fn format_float(value: f64) -> String {
    // Rust's `{:e}` prints the same shortest digits as Go, as `1.2345678e7`.
    let scientific = format!("{value:e}");
    let Some((mantissa, exponent)) = scientific.split_once('e') else {
        return scientific;
    };
    let exponent: i32 = exponent.parse().unwrap_or_default();
    if !(-4..PRECISION).contains(&exponent) {
        let sign = if exponent < 0 { '-' } else { '+' };
        return format!("{mantissa}e{sign}{:02}", exponent.abs());
    }
    format!("{value}")
}
