//! Kinetics: CSV files `label,youtube_id,time_start,time_end,split` in the root or its folder `annotations`, videos at
//! `<split>/<label>/<id>_<start>_<end>.mp4` (times in seconds, six digits), and a list of classes a split of the protocol: ER-ZSAR's
//! three times 160 of the classes that Kinetics-400 has not. Of Kinetics-400 all classes that stand in the files.

use super::{Layout, Part, Place, SetError, Split, lists};
use crate::data::labelled::{LabelledClip, LabelledClips};
use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};

const COLUMNS: [&str; 5] = ["label", "youtube_id", "time_start", "time_end", "split"];

/// A row of a CSV.
struct Row {
    label: String,
    subset: String,
    path: PathBuf,
}

pub fn read(place: &Place<'_>, wanted: &[usize]) -> Result<Vec<Split>, SetError> {
    let rows = rows(place.root)?;
    let subset = match place.part {
        Part::Train => "train".to_owned(),
        Part::Test => subset(&rows, place.subset)?,
    };
    let split = |number: usize| {
        let (list, classes) = if place.layout == Layout::K400 {
            let all: BTreeSet<String> = rows.iter().map(|row| row.label.clone()).collect();
            (place.root.to_owned(), all.into_iter().collect::<Vec<_>>())
        } else {
            let named = place.labels.get(number - 1).cloned();
            let list = named.map_or_else(|| class_list(place.root, number), Ok)?;
            let classes = lists::labels(&list)?.into_values().collect();
            (list, classes)
        };
        let places: HashMap<&str, usize> = classes.iter().enumerate().map(|(i, c)| (c.as_str(), i)).collect();
        let of_split = |row: &Row| {
            let label = *places.get(row.label.as_str()).filter(|_| row.subset == subset)?;
            Some(LabelledClip { path: place.root.join(&row.path), label, start: None, end: None })
        };
        let clips: Vec<LabelledClip> = rows.iter().filter_map(of_split).collect();
        let having: BTreeSet<usize> = clips.iter().map(|clip| clip.label).collect();
        if let Some(absent) = (0..classes.len()).find(|c| !having.contains(c)) {
            let why = format!(
                "{}: no clip of \"{subset}\" is in the class \"{}\"; the CSV files or the list are others",
                list.display(),
                classes[absent]
            );
            return Err(SetError::Layout(why));
        }
        Ok(Split { number, clips: LabelledClips { classes, clips } })
    };
    wanted.iter().map(|number| split(*number)).collect()
}

/// The list of a split's classes, where it has one of the usual names.
fn class_list(root: &Path, number: usize) -> Result<PathBuf, SetError> {
    let names =
        [format!("ZS_split{number}_K600.csv"), format!("split{number}.csv"), format!("split{number}.txt")];
    let folders = ["", "labels", "splits"].map(|folder| root.join(folder));
    let mut places = folders.iter().flat_map(|folder| names.iter().map(move |name| folder.join(name)));
    places.find(|path| path.is_file()).ok_or_else(|| {
        SetError::Layout(format!(
            "the classes of split {number} are needed: {}, {} or {} in {}, its folder labels or splits, or named by --labels, a file a split",
            names[0],
            names[1],
            names[2],
            root.display()
        ))
    })
}

/// The rows of every CSV that has the columns.
fn rows(root: &Path) -> Result<Vec<Row>, SetError> {
    let mut files = Vec::new();
    for folder in [root.to_owned(), root.join("annotations")] {
        let entries = std::fs::read_dir(&folder).into_iter().flatten().filter_map(Result::ok);
        files.extend(entries.map(|entry| entry.path()));
    }
    files.retain(|path| path.is_file() && path.extension().is_some_and(|e| e.eq_ignore_ascii_case("csv")));
    files.sort();
    let (mut all, mut read) = (Vec::new(), false);
    for path in files {
        let fail = |reason: String| SetError::Read { path: path.clone(), reason };
        let text = super::list_text::read(&path)?;
        let mut reader =
            csv::ReaderBuilder::new().trim(csv::Trim::All).flexible(true).from_reader(text.as_bytes());
        let header = reader.headers().map_err(|e| fail(e.to_string()))?.clone();
        let Some(columns) = columns(&header) else { continue };
        read = true;
        for record in reader.records() {
            let record = record.map_err(|e| fail(e.to_string()))?;
            let line = record.position().map_or(0, |p| p.line() as usize);
            let cell = |i: usize| record.get(columns[i]).unwrap_or_default();
            let second = |i: usize| cell(i).parse::<f64>().ok().filter(|s| (0.0..1e6).contains(s));
            let (label, subset) = (cell(0).to_owned(), cell(4).to_owned());
            let (Some(start), Some(end), false) =
                (second(2), second(3), label.is_empty() || subset.is_empty())
            else {
                return Err(super::list_text::wrong(
                    &path,
                    line,
                    "a label, an id, two times in seconds and a split are expected",
                ));
            };
            let name = format!("{}_{:06}_{:06}.mp4", cell(1), start.round() as u64, end.round() as u64);
            all.push(Row { path: [&subset, &label, &name].iter().collect(), label, subset });
        }
    }
    if !read {
        let why = format!(
            "{} and its folder annotations have no CSV with the columns {}; --root is the folder that holds them and the videos",
            root.display(),
            COLUMNS.join(",")
        );
        return Err(SetError::Layout(why));
    }
    Ok(all)
}

fn columns(header: &csv::StringRecord) -> Option<[usize; 5]> {
    let mut places = [0; 5];
    for (place, name) in places.iter_mut().zip(COLUMNS) {
        *place = header
            .iter()
            .position(|column| column.trim_start_matches('\u{feff}').eq_ignore_ascii_case(name))?;
    }
    Some(places)
}

/// The word of the rows that are tested.
fn subset(rows: &[Row], named: Option<&str>) -> Result<String, SetError> {
    let all: BTreeSet<&str> = rows.iter().map(|row| row.subset.as_str()).collect();
    let list = || all.iter().copied().collect::<Vec<_>>().join(", ");
    if let Some(named) = named {
        return match all.contains(named) {
            true => Ok(named.to_owned()),
            false => {
                Err(SetError::Layout(format!("no row has the split \"{named}\"; there are: {}", list())))
            }
        };
    }
    let tested: Vec<&str> = all.iter().copied().filter(|word| *word != "train").collect();
    match tested[..] {
        [only] => Ok(only.to_owned()),
        [] => Err(SetError::Layout(
            "every row of the CSV files has the split train; the file of the clips that are tested is missing, or name a split with --subset".to_owned(),
        )),
        [first, ..] => Err(SetError::Layout(format!(
            "the CSV files have more than one split beside train: {}; choose the one that is tested, such as --subset {first}",
            tested.join(", ")
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{files, place, told};
    use super::super::{Layout, Part, Place};

    #[test]
    fn the_official_tables_are_read() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path();
        let header = "label,youtube_id,time_start,time_end,split";
        files(
            root,
            &[
                (
                    "annotations/test.csv",
                    &format!(
                        "{header}\r\nacting in play,-a_b,9,19,test\r\n\"cooking, eating\",c,0.0,10.0,test\r\nother,d,1,2,test\r\n"
                    ),
                ),
                ("annotations/train.csv", &format!("{header},is_cc\nacting in play,e,9,19,train,0\n")),
                ("splits/split1.txt", "cooking, eating\r\nacting in play\r\n"),
                ("labels/ZS_split2_K600.csv", "id,name\n0,other\n"),
            ],
        );
        let all = place(Layout::K600, root);
        let splits = super::read(&all, &[1, 2]).unwrap();
        assert_eq!(splits[0].clips.classes, ["cooking, eating", "acting in play"]);
        assert_eq!(
            told(&splits[0], root),
            [
                "acting in play: test/acting in play/-a_b_000009_000019.mp4",
                "cooking, eating: test/cooking, eating/c_000000_000010.mp4"
            ]
        );
        assert_eq!(told(&splits[1], root), ["other: test/other/d_000001_000002.mp4"]);
        // Of Kinetics-400 every class that the files have; of "other" no clip is for training.
        let k400 = Place { layout: Layout::K400, ..all };
        assert_eq!(super::read(&k400, &[1]).unwrap()[0].clips.classes.len(), 3);
        let train = super::read(&Place { part: Part::Train, ..k400 }, &[1]).unwrap_err().to_string();
        assert!(train.contains("\"train\""), "{train}");
        let message = |place: &Place<'_>, number| super::read(place, &[number]).unwrap_err().to_string();
        assert!(message(&all, 3).contains("--labels"));
        assert!(
            message(&Place { subset: Some("val"), ..all }, 1).contains("train, test")
                || message(&Place { subset: Some("val"), ..all }, 1).contains("test, train")
        );
        assert!(message(&Place { subset: Some("train"), ..all }, 1).contains("cooking, eating"));
        files(root, &[("annotations/validate.csv", &format!("{header}\nother,z,1,2,val\n"))]);
        assert!(message(&all, 1).contains("--subset"));
        assert_eq!(super::read(&Place { subset: Some("test"), ..all }, &[1]).unwrap()[0], splits[0]);
        // Both files of Kinetics-400 are handed out together.
        let why = message(&k400, 1);
        assert!(why.contains("beside train: test, val; ") && why.contains("such as --subset test"), "{why}");
        let chosen = super::read(&Place { subset: Some("test"), ..k400 }, &[1]).unwrap();
        assert_eq!(chosen[0].clips.clips.len(), 3);
        files(root, &[("annotations/validate.csv", &format!("{header}\nother,z,soon,2,val\n"))]);
        assert!(message(&all, 1).contains("line 2"));
        assert!(message(&place(Layout::K600, &root.join("splits")), 1).contains("no CSV"));
    }
}
