//! Candidates that come before what they belong to.

use std::collections::VecDeque;
use std::time::Instant;

use super::limits;

/// What candidates belong to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Owner {
    pub uuid: String,
    pub session: String,
    /// Whether the side that offers sent them.
    pub is_offerer: bool,
}

#[derive(Debug)]
struct Entry {
    owner: Owner,
    since: Instant,
    candidates: Vec<String>,
}

/// The candidates, the oldest owner first.
#[derive(Debug, Default)]
pub(super) struct Early(VecDeque<Entry>);

impl Early {
    pub fn keep(&mut self, now: Instant, owner: Owner, candidates: Vec<String>) {
        self.0.retain(|entry| now < entry.since + limits::EARLY_MAX_AGE);
        let at = self.0.iter().position(|entry| entry.owner == owner);
        let entry = match at.and_then(|at| self.0.get_mut(at)) {
            Some(entry) => entry,
            None => {
                if self.0.len() >= limits::EARLY_SESSIONS_MAX {
                    self.0.pop_front();
                }
                self.0.push_back(Entry { owner, since: now, candidates: Vec::new() });
                let Some(entry) = self.0.back_mut() else { return };
                entry
            }
        };
        let room = limits::EARLY_CANDIDATES_MAX.saturating_sub(entry.candidates.len());
        entry.candidates.extend(candidates.into_iter().take(room));
    }

    pub fn take(&mut self, now: Instant, owner: &Owner) -> Vec<String> {
        self.0.retain(|entry| now < entry.since + limits::EARLY_MAX_AGE);
        let at = self.0.iter().position(|entry| entry.owner == *owner);
        at.and_then(|at| self.0.remove(at)).map(|entry| entry.candidates).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owner(session: usize) -> Owner {
        Owner { uuid: "u".to_owned(), session: session.to_string(), is_offerer: true }
    }

    #[test]
    fn candidates_are_kept_for_their_owner_for_a_while_and_only_so_many() {
        let now = Instant::now();
        let mut early = Early::default();
        for session in 0..limits::EARLY_SESSIONS_MAX + 1 {
            for _ in 0..limits::EARLY_CANDIDATES_MAX + 1 {
                early.keep(now, owner(session), vec!["candidate:".to_owned()]);
            }
        }
        assert_eq!(early.take(now, &owner(0)).len(), 0, "the oldest gave way");
        assert_eq!(early.take(now, &owner(1)).len(), limits::EARLY_CANDIDATES_MAX);
        assert_eq!(early.take(now, &owner(1)).len(), 0, "they are taken once");
        let answerer = Owner { is_offerer: false, ..owner(2) };
        assert_eq!(early.take(now, &answerer).len(), 0);
        assert_eq!(early.take(now + limits::EARLY_MAX_AGE, &owner(2)).len(), 0);
    }
}
