//! The one place where floating point becomes an integer.

/// The nearest integer, halves away from zero; held at the ends; 0 for what is not a number.
#[expect(
    clippy::cast_possible_truncation,
    reason = "the cast saturates and that is what is wanted"
)]
pub(crate) fn nearest_i64(value: f64) -> i64 {
    libm::round(value) as i64
}

/// The nearest integer that is not negative.
pub(crate) fn nearest_u64(value: f64) -> u64 {
    u64::try_from(nearest_i64(value)).unwrap_or(0)
}

/// The nearest integer of 32 bits, held at the ends.
pub(crate) fn nearest_i32(value: f64) -> i32 {
    i32::try_from(nearest_i64(value).clamp(i64::from(i32::MIN), i64::from(i32::MAX))).unwrap_or(0)
}

/// The nearest integer of 32 bits that is not negative.
pub(crate) fn nearest_u32(value: f64) -> u32 {
    u32::try_from(nearest_u64(value)).unwrap_or(u32::MAX)
}

/// `value`, held to `least..=most`; what is not a number stays so. [`f64::clamp`] would bring the printing of floating point into an image.
pub(crate) const fn between(value: f64, least: f64, most: f64) -> f64 {
    if value < least {
        least
    } else if most < value {
        most
    } else {
        value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_is_held_at_the_ends() {
        assert_eq!(nearest_i64(-2.5), -3);
        assert_eq!(nearest_i64(1e30), i64::MAX);
        assert_eq!(nearest_i64(f64::NAN), 0);
        assert_eq!(nearest_u64(-1.0), 0);
        assert_eq!(nearest_i32(-1e12), i32::MIN);
        assert_eq!(nearest_u32(1e12), u32::MAX);
        assert_eq!(
            [-2.0, 0.5, 7.0].map(|value| between(value, -1.0, 1.0)),
            [-1.0, 0.5, 1.0]
        );
        assert!(between(f64::NAN, -1.0, 1.0).is_nan());
    }
}
