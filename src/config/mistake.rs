//! What is wrong with a configuration, told all at once.

use super::source::variable_of;
use std::fmt;
use std::path::PathBuf;

/// Where a value was written. Sorts in the order in which a reader mends things.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Origin {
    /// The configuration file as a whole.
    File,
    /// A line of the configuration file, counted from 1.
    Line(usize),
    /// The named environment variable.
    Variable(String),
    /// Nowhere: the key is not set.
    Absent,
}

/// One thing to mend. Holds the shape of what was found, never its content:
/// a secret pasted into the wrong key must not come out in a terminal or a log.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Mistake {
    /// The key's full name, such as `server.public_url`.
    pub key: String,
    /// Where the value came from.
    pub origin: Origin,
    /// The shape of what is there, such as `text of 7 characters`.
    pub found: String,
    /// What would be right, with an example where one helps.
    pub wanted: String,
}

/// Every mistake of one configuration. Its `Display` is the whole report.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Mistakes {
    file: Option<PathBuf>,
    list: Vec<Mistake>,
}

impl Mistakes {
    /// Puts the mistakes in the order of the file, then of the variables, then what is not set.
    pub(super) fn new(mut list: Vec<Mistake>) -> Self {
        list.sort_by(|left, right| (&left.origin, &left.key).cmp(&(&right.origin, &right.key)));
        Self { file: None, list }
    }

    /// Names the file in the report.
    pub(super) fn of_file(mut self, file: PathBuf) -> Self {
        self.file = Some(file);
        self
    }

    /// The mistakes, one by one.
    pub fn list(&self) -> &[Mistake] {
        &self.list
    }

    fn place(&self, mistake: &Mistake) -> String {
        let file = self.file.as_ref().map_or_else(|| "the file".into(), |file| file.display().to_string());
        match &mistake.origin {
            Origin::File => file,
            Origin::Line(line) => format!("{file}, line {line}"),
            Origin::Variable(name) => format!("variable {name}"),
            Origin::Absent => format!("not set, here or as {}", variable_of(&mistake.key)),
        }
    }
}

impl fmt::Display for Mistakes {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.list.len() {
            1 => write!(formatter, "1 mistake in the configuration")?,
            count => write!(formatter, "{count} mistakes in the configuration")?,
        }
        for mistake in &self.list {
            write!(formatter, "\n\n  {} ({})", mistake.key, self.place(mistake))?;
            write!(formatter, "\n    found:  {}", mistake.found)?;
            write!(formatter, "\n    wanted: {}", mistake.wanted)?;
        }
        Ok(())
    }
}

impl std::error::Error for Mistakes {}
