//! What a job prints, line by line. Invariant: memory is bounded, however much a job prints and however long its lines are.

use std::collections::VecDeque;

/// What a job prints, told line by line as it comes; only the last lines are kept.
#[derive(Default)]
pub(super) struct Printed {
    line: Vec<u8>,
    last: VecDeque<String>,
}

impl Printed {
    const KEPT: usize = 20;
    /// A line longer than this is told in pieces.
    const LONGEST: usize = 4096;

    /// Takes bytes as they come; `say` hears each line that has its end.
    pub(super) fn hear(&mut self, bytes: &[u8], say: impl Fn(String)) {
        for &byte in bytes {
            match byte {
                b'\n' => self.tell(&say),
                byte => self.line.push(byte),
            }
            if self.line.len() >= Self::LONGEST {
                self.tell(&say);
            }
        }
    }

    fn tell(&mut self, say: &impl Fn(String)) {
        let line = String::from_utf8_lossy(&std::mem::take(&mut self.line)).into_owned();
        if self.last.len() == Self::KEPT {
            self.last.pop_front();
        }
        self.last.push_back(line.clone());
        say(line);
    }

    /// The last lines, after telling one that has no end.
    pub(super) fn end(mut self, say: impl Fn(String)) -> String {
        if !self.line.is_empty() {
            self.tell(&say);
        }
        Vec::from(self.last).join("\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_job_prints_is_told_line_by_line_and_the_last_is_kept() {
        let told = std::sync::Mutex::new(Vec::new());
        let say = |line: String| told.lock().expect("lock").push(line);
        let mut printed = Printed::default();
        printed.hear(b"one\ntw", say);
        assert_eq!(*told.lock().expect("lock"), ["one"]);
        printed.hear("o\n".repeat(30).as_bytes(), say);
        let last = printed.end(say);
        assert_eq!(told.lock().expect("lock").len(), 31);
        assert_eq!(last.lines().count(), Printed::KEPT);
    }
}
