//! The three forms of a prompt file, writing it, and the prompts it means.

use motionlens::prompt::set::MAX_CLASSES;
use motionlens::prompt::{Class, PromptSet, PromptSetError, Templates};
use proptest::prelude::*;

const BUNDLED: &str = include_str!("../assets/prompts/moving-shapes.json");

fn names(bytes: &[u8]) -> Vec<String> {
    PromptSet::from_bytes(bytes).unwrap().classes.into_iter().map(|c| c.name).collect()
}

fn list() -> impl Strategy<Value = Option<Vec<String>>> {
    prop::option::of(prop::collection::vec(any::<String>(), 0..4))
}

fn set() -> impl Strategy<Value = PromptSet> {
    let class = (any::<String>(), list(), list());
    let class = class.prop_map(|(name, positive, negative)| Class { name, positive, negative, counts: None });
    let templates =
        (prop::collection::vec(any::<String>(), 0..4), prop::collection::vec(any::<String>(), 0..4));
    (prop::collection::vec(class, 0..8), templates, any::<bool>()).prop_map(
        |(classes, (positive, negative), count_unknown)| PromptSet {
            version: 1,
            classes,
            templates: Templates { positive, negative },
            count_unknown,
        },
    )
}

proptest! {
    #[test]
    fn saving_and_loading_gives_the_same_set(set in set()) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("set.json");
        set.save(&path).unwrap();
        prop_assert_eq!(PromptSet::load(&path).unwrap(), set);
    }

    #[test]
    fn any_bytes_give_a_set_or_a_reason(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        if let Err(reason) = PromptSet::from_bytes(&bytes) {
            prop_assert!(!reason.is_empty());
        }
    }
}

#[test]
fn the_bundled_set_is_the_32_classes_of_the_method() {
    let set = PromptSet::from_bytes(BUNDLED.as_bytes()).unwrap();
    assert_eq!(set.classes.len(), 32);
    assert_eq!(set.problems(), Vec::<String>::new());
    let class = set.classes.iter().find(|c| c.name == "moving up while spinning").unwrap();
    assert_eq!(
        set.positive_prompts(class),
        [
            "moving up while spinning",
            "an object moving up while spinning",
            "a video of an object moving up while spinning",
            "a picture of an object moving up while spinning",
        ]
    );
    assert_eq!(set.negative_prompts(class)[0], "not moving up while spinning");
}

#[test]
fn an_absent_list_means_templates_and_an_empty_one_means_none() {
    let json = r#"{"version": 1, "classes": [{"name": "juggling", "positive": ["a {} man juggles", " "], "negative": []},
        {"name": "running"}, {"name": " "}]}"#;
    let set = PromptSet::from_bytes(json.as_bytes()).unwrap();
    assert_eq!(set.templates, Templates::default());
    let [own, plain, blank] = &set.classes[..] else { panic!("three classes") };
    assert_eq!(set.positive_prompts(own), ["a {} man juggles"]);
    assert_eq!(set.negative_prompts(own), Vec::<String>::new());
    assert_eq!(set.positive_prompts(plain)[1], "a video of a person running.");
    assert_eq!(set.negative_prompts(plain), ["not running"]);
    assert_eq!(set.positive_prompts(blank), Vec::<String>::new());
    assert_eq!(set.negative_prompts(blank), Vec::<String>::new());
}

#[test]
fn negatives_of_the_templates_count_together_and_typed_ones_alone() {
    let json = r#"{"version": 1, "classes": [{"name": "running"},
        {"name": "diving", "negative": ["swimming", "not diving", " ", "no diving", "a pool"]},
        {"name": "resting", "negative": []}], "templates": {"positive": ["{}"], "negative": ["not {}", "no {}"]}}"#;
    let set = PromptSet::from_bytes(json.as_bytes()).unwrap();
    let groups: Vec<_> = set.classes.iter().map(|c| set.negative_groups(c)).collect();
    assert_eq!(groups[0], [["not running", "no running"]]);
    assert_eq!(groups[1], [vec!["not diving", "no diving"], vec!["swimming"], vec!["a pool"]]);
    assert!(groups[2].is_empty());
    // What they are measured against is what the templates say, whatever the class has of it.
    let floors: Vec<_> = set.classes.iter().map(|c| set.negative_floor(c)).collect();
    assert_eq!(floors[..2], [["not running", "no running"], ["not diving", "no diving"]]);
    assert!(floors[2].is_empty(), "without negatives nothing is measured");
    let typed = |class: usize| {
        PromptSet { classes: vec![set.classes[class].clone()], ..set.clone() }.has_typed_negatives()
    };
    assert_eq!([0, 1, 2].map(typed), [false, true, false]);
    let listed = r#"{"version": 1, "classes": [{"name": "diving", "negative": ["no diving", " "]}],
        "templates": {"positive": ["{}"], "negative": ["not {}", "no {}"]}}"#;
    assert!(
        !PromptSet::from_bytes(listed.as_bytes()).unwrap().has_typed_negatives(),
        "the template's, listed"
    );
}

#[test]
fn a_model_s_templates_stand_in_for_the_defaults_only() {
    let own = Templates { positive: vec!["x {}".to_owned()], negative: vec![] };
    let set = PromptSet::from_names(["run"]);
    assert_eq!(set.clone().or_templates(Some(&own)).templates, own);
    assert_eq!(set.clone().or_templates(None), set);
    let chosen = PromptSet { templates: Templates { positive: vec![], negative: vec![] }, ..set };
    assert_eq!(chosen.clone().or_templates(Some(&own)), chosen);
}

#[test]
fn a_plain_list_is_one_name_a_line() {
    assert_eq!(names(b"running\njumping, high\n"), ["running", "jumping, high"]);
    let windows = "\u{feff}# actions\r\n\r\n  running \r\n\tjumping\r\nlast";
    assert_eq!(names(windows.as_bytes()), ["running", "jumping", "last"]);
    assert_eq!(names("naïve\rcafé".as_bytes()), ["naïve", "café"]);
}

#[test]
fn a_json_array_is_a_list_of_names() {
    assert_eq!(names(b" [\"run\", \" jump high \"]\n"), ["run", "jump high"]);
}

#[test]
fn id_name_csv_with_and_without_header() {
    assert_eq!(names(b"id,name\n0,abseiling\n1,air drumming\n"), ["abseiling", "air drumming"]);
    assert_eq!(
        names("\u{feff}ID , Name\r\n7,\"shake hands, firmly\"\r\n\r\n3,run\r\n".as_bytes()),
        ["shake hands, firmly", "run"]
    );
    assert_eq!(names(b"0,abseiling\n1,run\n"), ["abseiling", "run"]);
    assert_eq!(names(b"# made by hand\n0,abseiling\n"), ["abseiling"]);
}

#[test]
fn problems_name_the_class() {
    let json = r#"{"version":1,"classes":[{"name":"run"},{"name":""},{"name":"run "},{"name":"run"}]}"#;
    let set = PromptSet::from_bytes(json.as_bytes()).unwrap();
    assert_eq!(
        set.problems(),
        [
            "class 2 has no name",
            "class 3 has the name of class 1, \"run\"",
            "class 4 has the name of class 1, \"run\""
        ]
    );
}

/// As many classes as are read at all, none with a name of its own: one that looked for each among the others would not end.
#[test]
fn the_largest_set_is_read_written_and_looked_through() {
    let list: String = (0..MAX_CLASSES).map(|i| format!("action number {i}\n")).collect();
    let mut set = PromptSet::from_bytes(list.as_bytes()).unwrap();
    assert_eq!((set.classes.len(), set.problems().len()), (MAX_CLASSES, 0));
    let words: usize =
        set.classes.iter().map(|c| set.positive_prompts(c).len() + set.negative_groups(c).len()).sum();
    assert_eq!(words, 5 * MAX_CLASSES);
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("set.json");
    set.save(&path).unwrap();
    assert_eq!(PromptSet::load(&path).unwrap(), set);
    for class in &mut set.classes {
        class.name = "the same".to_owned();
    }
    let problems = set.problems();
    let more = format!("{} more classes have no name or that of another", MAX_CLASSES - 21);
    assert_eq!((problems.len(), &problems[20]), (21, &more));
}

#[test]
fn a_failed_save_names_the_file_and_keeps_the_old_one() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("set.json");
    let old = PromptSet::from_names(["old"]);
    old.save(&path).unwrap();
    let mut permissions = std::fs::metadata(&path).unwrap().permissions();
    permissions.set_readonly(true);
    std::fs::set_permissions(&path, permissions).unwrap();
    let error = PromptSet::from_names(["new"]).save(&path).unwrap_err();
    assert!(matches!(&error, PromptSetError::Write { .. }));
    assert!(error.to_string().contains("set.json"));
    assert_eq!(PromptSet::load(&path).unwrap(), old);
    assert!(old.save(&dir.path().join("none/set.json")).is_err());
}
