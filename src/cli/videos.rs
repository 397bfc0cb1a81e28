//! Which videos a command is about: files, folders, patterns and lists become one numbered list.

use super::CliError;
use crate::data::labelled;
use crate::files::{folder_of, is_handed, read_to_end, read_whole};
use crate::video::Pts;
use std::path::{Path, PathBuf};

/// One video, or one stretch of it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Item {
    pub path: PathBuf,
    pub label: Option<String>,
    pub start: Option<Pts>,
    pub end: Option<Pts>,
}

impl From<PathBuf> for Item {
    fn from(path: PathBuf) -> Self {
        Self { path, label: None, start: None, end: None }
    }
}

/// Whether a name is a pattern: it names no file, and has a character that patterns have.
pub(super) fn is_pattern(path: &Path) -> bool {
    path.to_str().is_some_and(|name| name.contains(['*', '?', '['])) && !path.exists()
}

/// Whether the shell has put a pipe where a video is named.
pub(super) fn is_pipe(path: &Path) -> bool {
    is_handed(path) && !path.is_file()
}

/// What `named` and a list mean, in that order; folders and patterns are sorted. A name of a file that is not there stays in
/// the list: it is told with the other files that cannot be read.
pub(super) fn items(named: &[PathBuf], list: Option<&Path>) -> Result<Vec<Item>, CliError> {
    let mut items = Vec::new();
    for path in named {
        if is_pipe(path) {
            return Err(CliError::Usage(format!(
                "{} is a pipe, and a video has to be a file; a list of videos goes to --video-list",
                path.display()
            )));
        }
        if path.is_dir() {
            let found = labelled::videos_under(path).map_err(|e| CliError::Missing(e.to_string()))?;
            items.extend(found.into_iter().map(Item::from));
        } else if is_pattern(path) {
            items.extend(matching(path)?);
        } else {
            items.push(path.clone().into());
        }
    }
    if let Some(list) = list {
        items.extend(listed(list)?);
    }
    match items.is_empty() {
        true => Err(CliError::Missing("there is no video where you named one".to_owned())),
        false => Ok(items),
    }
}

fn matching(pattern: &Path) -> Result<Vec<Item>, CliError> {
    let text = pattern.to_string_lossy();
    let wrong = |e: glob::PatternError| CliError::Usage(format!("\"{text}\" is no pattern: {e}"));
    let found = glob::glob(&text).map_err(wrong)?;
    // What a pattern cannot look into it does not match.
    Ok(found.filter_map(Result::ok).filter(|path| path.is_file()).map(Item::from).collect())
}

/// The list in a file, or on the standard input where it is called `-`: a path a line, or a CSV whose first line is
/// `path,label[,start_s,end_s]`. Paths are relative to the file's folder, as in every manifest; those of a shell's `<(…)` and of
/// the standard input to the folder that the program was started in.
fn listed(list: &Path) -> Result<Vec<Item>, CliError> {
    let (name, read, folder) = match list.as_os_str() == "-" {
        true => ("the standard input".to_owned(), read_to_end(std::io::stdin().lock()), Path::new("")),
        false => (list.display().to_string(), read_whole(list), folder_of(list)),
    };
    let bytes = read.map_err(|e| CliError::Missing(format!("cannot read {name}: {e}")))?;
    let text = String::from_utf8(bytes).map_err(|_| CliError::Usage(format!("{name} is not UTF-8 text")))?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let first = text.lines().next().unwrap_or_default().to_ascii_lowercase();
    if first.split(',').next().is_some_and(|column| column.trim() == "path") && first.contains(',') {
        let clips =
            labelled::manifest(text.as_bytes(), folder, list).map_err(|e| CliError::Usage(e.to_string()))?;
        let item = |clip: labelled::LabelledClip| Item {
            label: clips.classes.get(clip.label).cloned(),
            path: clip.path,
            start: clip.start,
            end: clip.end,
        };
        return Ok(clips.clips.iter().cloned().map(item).collect());
    }
    let lines = text.lines().map(|line| line.trim_end_matches('\r')).filter(|line| !line.trim().is_empty());
    Ok(lines.map(|line| folder.join(line).into()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(items: &[Item], folder: &Path) -> Vec<String> {
        items.iter().map(|i| i.path.strip_prefix(folder).unwrap().display().to_string()).collect()
    }

    #[test]
    fn files_folders_patterns_and_lists_become_one_list() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path();
        for file in ["b.mp4", "a.mp4", "in/c, d.avi", "in/notes.txt", "in/deep/e.mp4", ".hidden.mp4"] {
            std::fs::create_dir_all(folder.join(file).parent().unwrap()).unwrap();
            std::fs::write(folder.join(file), "").unwrap();
        }
        let of = |named: &[&str]| {
            let named: Vec<PathBuf> = named.iter().map(|n| folder.join(n)).collect();
            items(&named, None).map(|found| names(&found, folder))
        };
        assert_eq!(of(&[""]).unwrap(), ["a.mp4", "b.mp4", "in/c, d.avi", "in/deep/e.mp4"]);
        assert_eq!(
            of(&["b.mp4", "absent.mp4", "in"]).unwrap(),
            ["b.mp4", "absent.mp4", "in/c, d.avi", "in/deep/e.mp4"]
        );
        assert_eq!(of(&["**/*.mp4"]).unwrap().len(), 4, "with the hidden one, as patterns do");
        assert!(of(&["*.mov"]).is_err());

        let list = folder.join("list.txt");
        std::fs::write(&list, "\u{feff}b.mp4\r\n\r\nin/c, d.avi\n").unwrap();
        assert_eq!(names(&items(&[], Some(&list)).unwrap(), folder), ["b.mp4", "in/c, d.avi"]);
        std::fs::write(&list, "path,label,start_s,end_s\n\"in/c, d.avi\",jump,1,2.5\nb.mp4,run\n").unwrap();
        let found = items(&[], Some(&list)).unwrap();
        assert_eq!(names(&found, folder), ["in/c, d.avi", "b.mp4"]);
        assert_eq!((found[0].label.as_deref(), found[0].end), (Some("jump"), Some(Pts::from_secs(2.5))));
        assert_eq!((found[1].label.as_deref(), found[1].start), (Some("run"), None));
        std::fs::write(&list, "path,label\nb.mp4\n").unwrap();
        assert!(matches!(items(&[], Some(&list)), Err(CliError::Usage(m)) if m.contains("line 2")));
    }
}
