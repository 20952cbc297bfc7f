//! What the disk's thread leaves on the disk.

use super::*;

struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("disk-{}-{name}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn rules(&self, min_free_bytes: u64, deletes_oldest: bool) -> Arc<Rules> {
        let (name, directory) = ("door".to_owned(), self.0.clone());
        Arc::new(Rules { name, directory, min_free_bytes, deletes_oldest })
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).unwrap();
    }
}

fn told(writer: &mut Writer, job: Job) -> Vec<Report> {
    let mut told = Vec::new();
    writer.handle(job, &mut told);
    told.retain(|report| !matches!(report, Report::Done { .. }));
    told
}

fn open(writer: &mut Writer, rules: &Arc<Rules>, number: u64, path: &str) -> Vec<Report> {
    open_with(writer, rules, number, path, false)
}

fn open_with(
    writer: &mut Writer,
    rules: &Arc<Rules>,
    number: u64,
    path: &str,
    with_playlist: bool,
) -> Vec<Report> {
    let (key, rules) = ((0, FileId(number)), Arc::clone(rules));
    let (path, extension, header) = (path.to_owned(), "mp4", b"head".to_vec());
    let playlist = with_playlist.then(|| Box::new(Playlist::new(Duration::ZERO)));
    let make = Make { path, extension, header, playlist };
    told(writer, Job::Open { key, rules, make })
}

#[test]
fn files_are_never_overwritten() {
    let folder = Folder::new("names");
    let rules = folder.rules(0, false);
    let mut writer = Writer::default();
    for (number, expected) in [(1, "a/b.mp4"), (2, "a/b-2.mp4"), (3, "a/b-3.mp4")] {
        let key = (0, FileId(number));
        let path = expected.to_owned();
        assert_eq!(open(&mut writer, &rules, number, "a/b"), [Report::Opened { key, path }]);
        let bytes = format!("fragment {number}").into_bytes();
        let veil = Some(*b"\0\0\0\x01free");
        assert!(told(&mut writer, Job::Write { key, bytes, veil }).is_empty());
        assert_eq!(told(&mut writer, Job::Close { key }), [Report::Closed { key }]);
        let text = fs::read_to_string(folder.0.join(expected)).unwrap();
        assert_eq!(text, format!("headfragment {number}"));
    }
}

fn write(writer: &mut Writer, number: u64, bytes: &[u8]) {
    let (key, bytes) = ((0, FileId(number)), bytes.to_vec());
    assert!(told(writer, Job::Write { key, bytes, veil: None }).is_empty());
}

fn end_segment(writer: &mut Writer, number: u64, end_s: u64) {
    let end = Duration::from_secs(end_s);
    assert!(told(writer, Job::Segment { key: (0, FileId(number)), end }).is_empty());
}

#[test]
fn a_playlist_names_what_was_written_and_no_more() {
    let folder = Folder::new("hls");
    let rules = folder.rules(0, false);
    let mut writer = Writer::default();
    // Somebody else's.
    fs::write(folder.0.join("a.m3u8"), "x").unwrap();
    open_with(&mut writer, &rules, 1, "a", true);
    let text = || fs::read_to_string(folder.0.join("a-2.m3u8")).unwrap_or_default();
    write(&mut writer, 1, b"12345");
    assert_eq!(text(), "");
    end_segment(&mut writer, 1, 2);
    assert!(text().contains("BYTERANGE=\"4@0\"") && text().ends_with(":5@4\na-2.mp4\n"));
    // Refused writes make no segment.
    end_segment(&mut writer, 1, 4);
    assert_eq!(text().matches("EXTINF").count(), 1);
    write(&mut writer, 1, b"123456");
    assert_eq!(text().matches("EXTINF").count(), 1);
    end_segment(&mut writer, 1, 6);
    assert!(text().ends_with(":6@9\na-2.mp4\n"));
    told(&mut writer, Job::Close { key: (0, FileId(1)) });
    assert!(text().ends_with("a-2.mp4\n#EXT-X-ENDLIST\n"));
    assert_eq!(fs::read_to_string(folder.0.join("a.m3u8")).unwrap(), "x");
}

#[test]
fn a_playlist_that_a_killed_process_left_is_ended_by_the_next_one() {
    let folder = Folder::new("abandoned");
    let rules = folder.rules(0, false);
    let list = |file: &str| {
        let line = format!(
            "{{\"event\":\"opened\",\"file\":\"{file}.mp4\",\"playlist\":\"{file}.m3u8\"}}\n"
        );
        append(&folder.0, &line).unwrap();
    };
    let text = |name: &str| fs::read_to_string(folder.0.join(name)).unwrap();
    let (mut killed, mut lives) = (Writer::default(), Writer::default());
    for (writer, name) in [(&mut killed, "killed"), (&mut lives, "lives")] {
        open_with(writer, &rules, 1, name, true);
        list(name);
        write(writer, 1, b"12345");
        end_segment(writer, 1, 2);
    }
    // Whatever else the index says.
    list("../etc/passwd");
    drop(killed);
    open_with(&mut Writer::default(), &rules, 1, "next", true);
    assert!(text("killed.m3u8").ends_with("killed.mp4\n#EXT-X-ENDLIST\n"));
    assert!(text("lives.m3u8").ends_with("lives.mp4\n"));
}

#[test]
fn too_little_space_stops_a_recording_that_may_not_delete() {
    let folder = Folder::new("stop");
    let rules = folder.rules(u64::MAX, false);
    let (key, failure) = ((0, FileId(1)), Failure::Full);
    let mut writer = Writer::default();
    assert_eq!(open(&mut writer, &rules, 1, "a"), [Report::Failed { key, failure }]);
}

#[test]
fn only_own_files_are_deleted_the_oldest_first() {
    let folder = Folder::new("delete");
    let foreign = ["foreign.mp4", "yard.mp4"];
    for name in ["1.mp4", "2.mp4"].iter().chain(&foreign) {
        fs::write(folder.0.join(name), "x").unwrap();
    }
    let outside = std::env::temp_dir().join(format!("outside-{}", std::process::id()));
    fs::write(&outside, "x").unwrap();
    let up = format!("../{}", outside.file_name().unwrap().to_str().unwrap());
    for (recording, file) in
        [("door", "1.mp4"), ("yard", "yard.mp4"), ("door", &up), ("door", "2.mp4")]
    {
        let line =
            format!("{{\"event\":\"opened\",\"recording\":\"{recording}\",\"file\":\"{file}\"}}\n");
        append(&folder.0, &line).unwrap();
    }
    let rules = folder.rules(u64::MAX, true);
    let (key, failure) = ((0, FileId(1)), Failure::Full);
    let deleted = |path: &str| {
        let (rules, path) = (Arc::clone(&rules), path.to_owned());
        Report::Deleted { rules, path }
    };
    let expected = [deleted("1.mp4"), deleted("2.mp4"), Report::Failed { key, failure }];
    assert_eq!(open(&mut Writer::default(), &rules, 1, "a"), expected);
    assert!(foreign.iter().all(|name| folder.0.join(name).exists()));
    assert!(outside.exists());
    fs::remove_file(outside).unwrap();
}

#[test]
fn what_can_not_be_made_is_told() {
    let folder = Folder::new("error");
    fs::write(folder.0.join("a"), "x").unwrap();
    let rules = folder.rules(0, false);
    let told = open(&mut Writer::default(), &rules, 1, "a/b");
    assert!(matches!(&told[..], [Report::Failed { failure: Failure::Other(_), .. }]));
}
