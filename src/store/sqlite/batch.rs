//! Several rows of one kind in one transaction, each of which can be refused alone.

use rusqlite::Connection;

use crate::error::{ErrorCode, Result};

use super::failure;
use super::writer::Care;

/// Does `one` with each of the items, in their order, in the transaction that is open. Gives how each ended: one that is
/// refused leaves nothing behind, and is the last if `stops_at_refusal`. None when an item was refused of which something
/// was written, and there was no care to take it back. An error means that the transaction is lost.
///
/// `one` may keep what it found in its state, which begins anew after something was taken back.
pub(super) fn each<I, T, S: Default>(
    connection: &Connection,
    items: &[I],
    stops_at_refusal: bool,
    care: Care,
    one: impl Fn(&Connection, &mut S, &I) -> Result<T>,
) -> Result<Option<Vec<Result<T>>>> {
    let mut done = Vec::with_capacity(items.len());
    let mut state = S::default();
    for item in items {
        if care == Care::Savepoints {
            failure::run(connection, "SAVEPOINT item")?;
        }
        let before = connection.total_changes();
        let result = one(connection, &mut state, item);
        match &result {
            Ok(_) => {}
            // The store itself fails: nothing of the batch stays.
            Err(error) if !is_refusal(error.code()) => return Err(error.clone()),
            Err(_) if care == Care::Savepoints => {
                failure::run(connection, "ROLLBACK TO item")?;
                state = S::default();
            }
            Err(_) if connection.total_changes() != before => return Ok(None),
            Err(_) => {}
        }
        if care == Care::Savepoints {
            failure::run(connection, "RELEASE item")?;
        }
        let ends = stops_at_refusal && result.is_err();
        done.push(result);
        if ends {
            break;
        }
    }
    Ok(Some(done))
}

/// Whether an error is about what was to be written, and not about the store.
fn is_refusal(code: ErrorCode) -> bool {
    matches!(
        code,
        ErrorCode::NotFound
            | ErrorCode::AlreadyExists
            | ErrorCode::Conflict
            | ErrorCode::InvalidArgument
            | ErrorCode::NotPermitted
    )
}

#[cfg(test)]
mod tests {
    use super::super::writer::tests::writer;
    use super::*;
    use crate::error::Error;

    /// Writes the number, and then refuses one that is odd; refuses one below zero before it writes anything.
    fn insert(connection: &Connection, seen: &mut Vec<i64>, number: &i64) -> Result<usize> {
        let refused = || Error::new(ErrorCode::Conflict, "On purpose.");
        if *number < 0 {
            return Err(refused());
        }
        failure::context(connection.execute("INSERT INTO number VALUES (?)", [number]))?;
        seen.push(*number);
        if number % 2 == 1 { Err(refused()) } else { Ok(seen.len()) }
    }

    fn numbers(items: &[i64], stops: bool) -> (Vec<Option<usize>>, Vec<i64>) {
        let writer = writer();
        let items = items.to_vec();
        let done =
            writer.write_with_care(move |connection, care| each(connection, &items, stops, care, insert)).unwrap();
        let kept = writer.write(|connection| {
            let mut kept = failure::context(connection.prepare("SELECT value FROM number ORDER BY rowid"))?;
            failure::context(kept.query_map([], |row| row.get(0)).and_then(Iterator::collect))
        });
        (done.into_iter().map(std::result::Result::ok).collect(), kept.unwrap())
    }

    #[test]
    fn what_is_refused_leaves_nothing_behind_and_the_others_stay() {
        assert_eq!(numbers(&[2, -1, 4], false), (vec![Some(1), None, Some(2)], vec![2, 4]));
        // After something was taken back, what was found before counts no more.
        assert_eq!(numbers(&[2, 3, 4, 6], false), (vec![Some(1), None, Some(1), Some(2)], vec![2, 4, 6]));
        assert_eq!(numbers(&[2, 3, 4], true), (vec![Some(1), None], vec![2]));
        assert_eq!(numbers(&[], false), (vec![], vec![]));
    }

    #[test]
    fn who_asks_to_run_again_with_care_does_also_where_nothing_was_written() {
        let run = |connection: &Connection, care| match care {
            Care::None => Ok(None),
            Care::Savepoints => insert(connection, &mut Vec::new(), &2).map(Some),
        };
        assert_eq!(writer().write_with_care(run).unwrap(), 1);
    }

    #[test]
    fn a_store_that_fails_keeps_nothing_of_the_batch() {
        let writer = writer();
        // Twice the same number is an error of the table's, which is nobody's refusal here.
        assert!(writer.write_with_care(|connection, care| each(connection, &[2, 2], false, care, insert)).is_err());
        let count = writer.write(|connection| {
            failure::context(connection.query_row("SELECT count(*) FROM number", [], |row| row.get::<_, i64>(0)))
        });
        assert_eq!(count.unwrap(), 0);
    }
}
