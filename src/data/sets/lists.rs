//! The lists of the ViFi-CLIP family: names in `labels.csv` (`id,name`), clips in lists of `path label`, where the label is an id.

use super::list_text::{self, wrong};
use super::{Place, SetError, Split};
use crate::data::labelled::{LabelledClip, LabelledClips};
use std::collections::{BTreeMap, HashMap};
use std::path::Path;

/// The names of classes by their ids: a CSV whose first line has the columns id and name, or a name a line, counted from 0.
pub fn labels(path: &Path) -> Result<BTreeMap<usize, String>, SetError> {
    let text = list_text::read(path)?;
    let fail = |reason: String| SetError::Read { path: path.to_owned(), reason };
    let body = text.trim_start();
    let above = text[..text.len() - body.len()].matches('\n').count();
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(body.as_bytes());
    let header = reader.headers().map_err(|e| fail(e.to_string()))?.clone();
    let column = |name: &str| header.iter().position(|column| column.eq_ignore_ascii_case(name));
    let (Some(id), Some(name)) = (column("id"), column("name")) else { return names(path, &text) };
    let mut names = BTreeMap::new();
    for record in reader.records() {
        let record = record.map_err(|e| fail(e.to_string()))?;
        let line = above + record.position().map_or(0, |p| p.line() as usize);
        let (Some(Ok(id)), Some(name)) = (record.get(id).map(str::parse), record.get(name)) else {
            return Err(wrong(path, line, "a whole number and a name are expected"));
        };
        if name.is_empty() || names.insert(id, name.to_owned()).is_some() {
            return Err(wrong(path, line, "it has no name, or a number that stands above"));
        }
    }
    match names.is_empty() {
        true => Err(fail("it names no class".to_owned())),
        false => Ok(names),
    }
}

/// A name a line; a table without its first line, or with another one, is told from names with a comma by its numbers.
fn names(path: &Path, text: &str) -> Result<BTreeMap<usize, String>, SetError> {
    let mut names = BTreeMap::new();
    for (id, (line, name)) in list_text::lines(text).enumerate() {
        let first = name.split_once(',').map_or("", |(first, _)| first.trim().trim_matches('"'));
        if first.eq_ignore_ascii_case("id") || first.parse::<u64>().is_ok() {
            let why = "a name alone is expected; a table of numbers and names begins with the line id,name";
            return Err(wrong(path, line, why));
        }
        names.insert(id, name.to_owned());
    }
    match names.is_empty() {
        true => Err(SetError::Read { path: path.to_owned(), reason: "it names no class".to_owned() }),
        false => Ok(names),
    }
}

pub fn read(place: &Place<'_>, wanted: &[usize]) -> Result<Vec<Split>, SetError> {
    let (labels, lists) = (place.labels, place.lists);
    if labels.len() != 1 && labels.len() != lists.len() {
        let why = format!(
            "{} files of --labels do not go with {} of --list: one for all of them, or one for each",
            labels.len(),
            lists.len()
        );
        return Err(SetError::Layout(why));
    }
    // Each file is read once: it may be a pipe.
    let labels = labels.iter().map(|file| self::labels(file)).collect::<Result<Vec<_>, _>>()?;
    let split = |number: usize| {
        let (list, names) = (&lists[number - 1], &labels[(number - 1).min(labels.len() - 1)]);
        let places: HashMap<usize, usize> = names.keys().enumerate().map(|(i, id)| (*id, i)).collect();
        let mut clips = Vec::new();
        for (line, text) in list_text::lines(&list_text::read(list)?) {
            let (path, Some(id)) = list_text::with_number(text) else {
                return Err(wrong(list, line, "a path and the number of a class are expected"));
            };
            let Some(label) = places.get(&id).copied() else {
                return Err(wrong(list, line, format!("the labels have no class {id}")));
            };
            clips.push(LabelledClip { path: place.root.join(path), label, start: None, end: None });
        }
        Ok(Split { number, clips: LabelledClips { classes: names.values().cloned().collect(), clips } })
    };
    wanted.iter().map(|number| split(*number)).collect()
}

#[cfg(test)]
mod tests {
    use super::super::Layout;
    use super::super::tests::{files, place, told};
    use super::*;

    #[test]
    fn lists_of_paths_and_numbers_are_read() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path();
        files(
            root,
            &[
                ("labels.csv", "\u{feff}id,name\r\n10,\"salsa, or tango\"\r\n2,jumping rope\r\n"),
                ("val1.txt", "a b.mp4 10\r\nc.mp4 2\r\n"),
                ("val2.txt", "c.mp4 2\n"),
            ],
        );
        let labels = [root.join("labels.csv")];
        let lists = [root.join("val1.txt"), root.join("val2.txt")];
        let all = Place { labels: &labels, lists: &lists, ..place(Layout::Folder, root) };
        let splits = super::read(&all, &[1, 2]).unwrap();
        assert_eq!(splits[0].clips.classes, ["jumping rope", "salsa, or tango"]);
        assert_eq!(told(&splits[0], root), ["salsa, or tango: a b.mp4", "jumping rope: c.mp4"]);
        assert_eq!(told(&splits[1], root), ["jumping rope: c.mp4"]);
        for (list, said) in [("c.mp4\n", "line 1"), ("c.mp4 2\nd.mp4 3\n", "no class 3")] {
            files(root, &[("val2.txt", list)]);
            let message = super::read(&all, &[2]).unwrap_err().to_string();
            assert!(message.contains(said), "{message}");
        }
        assert!(super::read(&Place { labels: &[], ..all }, &[1]).is_err());
    }

    #[test]
    fn names_are_a_table_or_a_list() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("names");
        std::fs::write(&path, "one, two\n\nthree\n").unwrap();
        assert_eq!(labels(&path).unwrap().into_values().collect::<Vec<_>>(), ["one, two", "three"]);
        for table in [
            "\"id\",\"name\"\n3,\"a, b\"\n7,c\n",
            "\n  \nid,name\n3,\"a, b\"\n7,c\n",
            "Id, count ,NAME\n3,12,\"a, b\"\n7,1,c\n",
        ] {
            std::fs::write(&path, table).unwrap();
            let names: Vec<_> = labels(&path).unwrap().into_iter().collect();
            assert_eq!(names, [(3, "a, b".to_owned()), (7, "c".to_owned())], "{table}");
        }
        let unlike =
            [("0,moving left\n", "line 1"), ("one\nid,label\n", "line 2"), ("\n\nid,name\nx,a\n", "line 4")];
        for (bad, said) in unlike.into_iter().chain([
            ("id,name\n1,a\n1,b\n", "line 3"),
            ("id,name\nx,a\n", "line 2"),
            ("id,name\n", "no class"),
            ("", "no class"),
        ]) {
            std::fs::write(&path, bad).unwrap();
            let message = labels(&path).unwrap_err().to_string();
            assert!(message.contains(said), "{message}");
        }
    }
}
