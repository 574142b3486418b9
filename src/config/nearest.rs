//! The known key that an unknown one was probably meant to be.

/// Picks the known name closest to `name`: by a few wrong letters, or the same
/// last part under another section.
pub(super) fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str> + Clone) -> Option<&'a str> {
    let most = (name.chars().count() / 4).max(2);
    let by_letters = known.clone().map(|other| (distance(name, other), other)).min();
    match by_letters {
        Some((edits, other)) if edits <= most => Some(other),
        _ => known.filter(|other| last_part(other) == last_part(name)).min_by_key(|other| other.len()),
    }
}

fn last_part(key: &str) -> &str {
    key.rsplit_once('.').map_or(key, |(_, last)| last)
}

/// Letters to insert, remove, replace or swap with their neighbour (optimal
/// string alignment) to get from one word to the other.
fn distance(from: &str, to: &str) -> usize {
    let (from, to): (Vec<char>, Vec<char>) = (from.chars().collect(), to.chars().collect());
    let mut rows = vec![(0..=to.len()).collect::<Vec<usize>>()];
    for (row, &letter) in from.iter().enumerate() {
        let above = &rows[row];
        let mut current = vec![row + 1];
        for (column, &other) in to.iter().enumerate() {
            let replaced = above[column] + usize::from(letter != other);
            let edited = replaced.min(above[column + 1] + 1).min(current[column] + 1);
            let is_swap = row > 0 && column > 0 && letter == to[column - 1] && from[row - 1] == other;
            current.push(if is_swap { edited.min(rows[row - 1][column - 1] + 1) } else { edited });
        }
        rows.push(current);
    }
    rows[from.len()][to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_of_the_finger_are_found() {
        const KNOWN: [&str; 4] = ["live", "server.listen", "server.public_url", "log.level"];
        let cases = [
            ("lvie", Some("live")),
            ("server.lisen", Some("server.listen")),
            ("sever.public_ulr", Some("server.public_url")),
            ("listen", Some("server.listen")),
            ("logging.level", Some("log.level")),
            ("colour", None),
            ("", None),
        ];
        for (typed, meant) in cases {
            assert_eq!(nearest(typed, KNOWN.into_iter()), meant, "{typed}");
        }
    }

    #[test]
    fn a_swap_is_one_edit() {
        assert_eq!(distance("listen", "lisetn"), 1);
        assert_eq!(distance("listen", "listen"), 0);
        assert_eq!(distance("", "abc"), 3);
    }
}
