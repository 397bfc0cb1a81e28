//! UCF-101: `UCF-101/<Class>/*.avi`, and in `ucfTrainTestlist` the classes (`classInd.txt`, "1 ApplyEyeMakeup") and the lists
//! of the splits (`testlist01.txt`, "ApplyEyeMakeup/v_ApplyEyeMakeup_g01_c01.avi").

use super::list_text::{self, wrong};
use super::{Part, SetError, Split};
use crate::data::labelled::{LabelledClip, LabelledClips};
use std::collections::HashMap;
use std::path::Path;

pub fn read(root: &Path, part: Part, wanted: &[usize]) -> Result<Vec<Split>, SetError> {
    let (videos, lists) = (root.join("UCF-101"), root.join("ucfTrainTestlist"));
    for folder in [&videos, &lists] {
        if !folder.is_dir() {
            let why = format!(
                "{} is not there; --root is the folder that holds UCF-101 and ucfTrainTestlist",
                folder.display()
            );
            return Err(SetError::Layout(why));
        }
    }
    let index = lists.join("classInd.txt");
    let mut classes = Vec::new();
    // Place and number of each class by its name.
    let mut known = HashMap::new();
    for (line, text) in list_text::lines(&list_text::read(&index)?) {
        let (number, name) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
        let (Ok(number), name) = (number.parse::<usize>(), name.trim()) else {
            return Err(wrong(&index, line, "a number and a class are expected, as in \"1 ApplyEyeMakeup\""));
        };
        if name.is_empty() || known.insert(name.to_owned(), (classes.len(), number)).is_some() {
            return Err(wrong(&index, line, "it has no class, or one that stands above"));
        }
        classes.push(name.to_owned());
    }
    let split = |number: usize| {
        let word = if part == Part::Train { "trainlist" } else { "testlist" };
        let list = lists.join(format!("{word}{number:02}.txt"));
        let mut clips = Vec::new();
        for (line, text) in list_text::lines(&list_text::read(&list)?) {
            let (path, said) = list_text::with_number(text);
            let class = path.split('/').next().unwrap_or_default();
            let Some((label, number)) = known.get(class).copied() else {
                return Err(wrong(&list, line, format!("classInd.txt has no class \"{class}\"")));
            };
            if said.is_some_and(|said| said != number) {
                return Err(wrong(&list, line, format!("\"{class}\" has another number in classInd.txt")));
            }
            clips.push(LabelledClip { path: videos.join(path), label, start: None, end: None });
        }
        Ok(Split { number, clips: LabelledClips { classes: classes.clone(), clips } })
    };
    wanted.iter().map(|number| split(*number)).collect()
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
                ("UCF-101/YoYo/v_YoYo_g01_c01.avi", ""),
                ("ucfTrainTestlist/classInd.txt", "1 ApplyEyeMakeup\r\n2 YoYo\r\n"),
                (
                    "ucfTrainTestlist/testlist01.txt",
                    "YoYo/v_YoYo_g01_c01.avi\r\nApplyEyeMakeup/v_x.avi\r\n\r\n",
                ),
                ("ucfTrainTestlist/testlist02.txt", "YoYo/v_YoYo_g02_c01.avi 2\n"),
            ],
        );
        let splits = read(root, Part::Test, &[1, 2]).unwrap();
        assert_eq!(splits[0].clips.classes, ["ApplyEyeMakeup", "YoYo"]);
        assert_eq!(
            told(&splits[0], root),
            ["YoYo: UCF-101/YoYo/v_YoYo_g01_c01.avi", "ApplyEyeMakeup: UCF-101/ApplyEyeMakeup/v_x.avi"]
        );
        assert_eq!(told(&splits[1], root), ["YoYo: UCF-101/YoYo/v_YoYo_g02_c01.avi"]);
        files(root, &[("ucfTrainTestlist/trainlist01.txt", "YoYo/v_YoYo_g08_c01.avi 2\r\n")]);
        assert_eq!(
            told(&read(root, Part::Train, &[1]).unwrap()[0], root),
            ["YoYo: UCF-101/YoYo/v_YoYo_g08_c01.avi"]
        );
        assert!(read(root, Part::Test, &[3]).unwrap_err().to_string().contains("testlist03.txt"));
        for (list, said) in [("Juggling/a.avi\n", "line 1"), ("YoYo/a.avi 2\nYoYo/a.avi 1\n", "line 2")] {
            files(root, &[("ucfTrainTestlist/testlist02.txt", list)]);
            let message = read(root, Part::Test, &[2]).unwrap_err().to_string();
            assert!(message.contains(said), "{message}");
        }
        assert!(read(&root.join("UCF-101"), Part::Test, &[1]).unwrap_err().to_string().contains("--root"));
    }
}
