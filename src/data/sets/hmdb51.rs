//! HMDB-51: `<class>/*.avi`, and in `testTrainMulti_7030_splits` a file a class and split (`brush_hair_test_split1.txt`) with a line a
//! clip: its name, and 1 for training, 2 for testing, 0 for neither.

use super::list_text::{self, wrong};
use super::{Part, SetError, Split};
use crate::data::labelled::{LabelledClip, LabelledClips};
use std::path::{Path, PathBuf};

const LISTS: &str = "testTrainMulti_7030_splits";

pub fn read(root: &Path, part: Part, wanted: &[usize]) -> Result<Vec<Split>, SetError> {
    let lists = root.join(LISTS);
    if !lists.is_dir() {
        let why = format!(
            "{} is not there; --root is the folder that holds the folders of the classes and {LISTS}",
            lists.display()
        );
        return Err(SetError::Layout(why));
    }
    let fail = |e: std::io::Error| SetError::Read { path: lists.clone(), reason: e.to_string() };
    let mut names = Vec::new();
    for entry in std::fs::read_dir(&lists).map_err(fail)? {
        names.push(entry.map_err(fail)?.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    wanted.iter().map(|number| split(root, part, &lists, &names, *number)).collect()
}

fn split(root: &Path, part: Part, lists: &Path, names: &[String], number: usize) -> Result<Split, SetError> {
    let ending = format!("_test_split{number}.txt");
    let classes: Vec<&str> = names.iter().filter_map(|name| name.strip_suffix(ending.as_str())).collect();
    if classes.is_empty() {
        return Err(SetError::Layout(format!("{} has no file <class>{ending}", lists.display())));
    }
    let videos = videos(root, &classes);
    let mut clips = Vec::new();
    for (label, class) in classes.iter().enumerate() {
        let list = lists.join(format!("{class}{ending}"));
        for (line, text) in list_text::lines(&list_text::read(&list)?) {
            let use_of = match list_text::with_number(text) {
                (name, Some(use_of @ 0..=2)) => Some((name, use_of)),
                _ => None,
            };
            let Some((name, use_of)) = use_of else {
                return Err(wrong(&list, line, "the name of a clip and 0, 1 or 2 are expected"));
            };
            if use_of == if part == Part::Train { 1 } else { 2 } {
                clips.push(LabelledClip {
                    path: videos.join(class).join(name),
                    label,
                    start: None,
                    end: None,
                });
            }
        }
    }
    let classes = classes.into_iter().map(str::to_owned).collect();
    Ok(Split { number, clips: LabelledClips { classes, clips } })
}

/// The folder of the classes' folders: the root, or what the archive is called.
fn videos(root: &Path, classes: &[&str]) -> PathBuf {
    let holds = |folder: &PathBuf| classes.iter().any(|class| folder.join(class).is_dir());
    let places = [root.to_owned(), root.join("hmdb51_org")];
    places.into_iter().find(holds).unwrap_or_else(|| root.to_owned())
}

#[cfg(test)]
mod tests {
    use super::super::tests::{files, told};
    use super::*;

    #[test]
    fn the_official_lists_are_read() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path();
        files(
            root,
            &[
                ("brush_hair/a #1.avi", ""),
                ("testTrainMulti_7030_splits/wave_test_split1.txt", "w1.avi 2 \r\nw2.avi 1 \r\n"),
                ("testTrainMulti_7030_splits/brush_hair_test_split1.txt", "a #1.avi 2 \nb.avi 0 \n"),
                ("testTrainMulti_7030_splits/wave_test_split2.txt", "w2.avi 2\n"),
            ],
        );
        let splits = read(root, Part::Test, &[1, 2]).unwrap();
        assert_eq!(splits[0].clips.classes, ["brush_hair", "wave"]);
        assert_eq!(told(&splits[0], root), ["brush_hair: brush_hair/a #1.avi", "wave: wave/w1.avi"]);
        assert_eq!(told(&splits[1], root), ["wave: wave/w2.avi"]);
        let train = read(root, Part::Train, &[1]).unwrap();
        assert_eq!(told(&train[0], root), ["wave: wave/w2.avi"]);
        assert!(read(root, Part::Test, &[3]).unwrap_err().to_string().contains("_test_split3.txt"));
        files(root, &[("testTrainMulti_7030_splits/wave_test_split2.txt", "w2.avi 2\nw3.avi 3\n")]);
        assert!(read(root, Part::Test, &[2]).unwrap_err().to_string().contains("line 2"));
        assert!(read(&root.join("brush_hair"), Part::Test, &[1]).unwrap_err().to_string().contains("--root"));
    }
}
