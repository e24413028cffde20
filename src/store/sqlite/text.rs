//! Lists and patterns as SQL text.

use crate::model::fold_name;

/// A list that a query has joined by `separator`; none is empty.
pub(super) fn split(joined: Option<&str>, separator: char) -> Vec<String> {
    joined.map(|text| text.split(separator).map(str::to_owned).collect()).unwrap_or_default()
}

/// Wildcards over folded names as a `LIKE` pattern whose escape character is the backslash.
pub(super) fn like(wildcards: &str) -> String {
    let mut pattern = String::with_capacity(wildcards.len() + 8);
    for character in fold_name(wildcards).chars() {
        match character {
            '*' => pattern.push('%'),
            '?' => pattern.push('_'),
            '%' | '_' | '\\' => pattern.extend(['\\', character]),
            _ => pattern.push(character),
        }
    }
    pattern
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_wildcards_are_wild() {
        assert_eq!(like(r"a*b?c%d_e\f"), r"A%B_C\%D\_E\\F");
    }
}
