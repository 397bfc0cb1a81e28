//! Something-Something v2: in `labels` the classes (`labels.json`, name to number) and the clips to be tested (`validation.json`) and to
//! train on (`train.json`), and the videos as `<id>.webm`. A clip's class is its template without the brackets.

use super::{Part, SetError, list_text};
use crate::data::labelled::{LabelledClip, LabelledClips};
use serde::Deserialize;
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

#[derive(Deserialize)]
struct Entry {
    id: String,
    template: Option<String>,
}

/// A file under one of the two names in which it is handed out.
fn file(root: &Path, name: &str) -> Result<PathBuf, SetError> {
    let labels = root.join("labels");
    let names = [labels.join(name), labels.join(format!("something-something-v2-{name}"))];
    names.into_iter().find(|path| path.is_file()).ok_or_else(|| {
        let why = "; --root is the folder that holds labels and the videos";
        SetError::Layout(format!("{} is not there{why}", labels.join(name).display()))
    })
}

fn json<T: serde::de::DeserializeOwned>(path: &Path) -> Result<T, SetError> {
    let fail = |e: serde_json::Error| SetError::Read { path: path.to_owned(), reason: e.to_string() };
    serde_json::from_str(&list_text::read(path)?).map_err(fail)
}

pub fn read(root: &Path, part: Part) -> Result<LabelledClips, SetError> {
    let labels = file(root, "labels.json")?;
    let mut numbered = BTreeMap::new();
    for (name, number) in json::<BTreeMap<String, String>>(&labels)? {
        let fail = |reason: String| SetError::Read { path: labels.clone(), reason };
        let number: usize =
            number.parse().map_err(|_| fail(format!("\"{number}\" is no number of a class")))?;
        if let Some(other) = numbered.insert(number, name.clone()) {
            return Err(fail(format!("\"{other}\" and \"{name}\" have the number {number}")));
        }
    }
    let classes: Vec<String> = numbered.into_values().collect();
    let places: HashMap<&str, usize> =
        classes.iter().enumerate().map(|(i, name)| (name.as_str(), i)).collect();
    let list = file(root, if part == Part::Train { "train.json" } else { "validation.json" })?;
    let fail = |reason: String| SetError::Read { path: list.clone(), reason };
    let folders = ["", "20bn-something-something-v2", "videos"].map(|name| root.join(name));
    let mut clips = Vec::new();
    for Entry { id, template } in json::<Vec<Entry>>(&list)? {
        let class = template.unwrap_or_default().replace(['[', ']'], "");
        let label = *places
            .get(class.as_str())
            .ok_or_else(|| fail(format!("clip {id}: labels.json has no class \"{class}\"")))?;
        let found =
            folders.iter().map(|folder| folder.join(format!("{id}.webm"))).find(|path| path.is_file());
        let path = found.unwrap_or_else(|| root.join(format!("{id}.webm")));
        clips.push(LabelledClip { path, label, start: None, end: None });
    }
    Ok(LabelledClips { classes, clips })
}

#[cfg(test)]
mod tests {
    use super::super::Split;
    use super::super::tests::{files, told};
    use super::*;

    #[test]
    fn the_official_json_is_read() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path();
        files(
            root,
            &[
                (
                    "labels/labels.json",
                    r#"{"Holding something next to something": "1", "Moving something up": "0"}"#,
                ),
                (
                    "labels/validation.json",
                    r#"[{"id": "7", "label": "holding a cup next to a pen", "template": "Holding [something] next to [something]", "placeholders": []},
                        {"id": "9", "label": "moving a pen up", "template": "Moving [something] up"}]"#,
                ),
                ("20bn-something-something-v2/7.webm", ""),
            ],
        );
        let split = Split { number: 1, clips: read(root, Part::Test).unwrap() };
        assert_eq!(split.clips.classes, ["Moving something up", "Holding something next to something"]);
        assert_eq!(
            told(&split, root),
            [
                "Holding something next to something: 20bn-something-something-v2/7.webm",
                "Moving something up: 9.webm"
            ]
        );
        files(root, &[("labels/validation.json", r#"[{"id": "7"}]"#)]);
        assert!(read(root, Part::Test).unwrap_err().to_string().contains("clip 7"));
        files(root, &[("labels/validation.json", "[")]);
        assert!(read(root, Part::Test).unwrap_err().to_string().contains("validation.json"));
        std::fs::remove_file(root.join("labels/labels.json")).unwrap();
        assert!(read(root, Part::Test).unwrap_err().to_string().contains("--root"));
    }
}
