//! What is left of viewers that vanish without a goodbye: their process is killed.

use std::thread::sleep;
use std::time::Duration;

use crate::arguments::Options;
use crate::h264::Profile;
use crate::process::{Process, load_average, machine};
use crate::rows::only_build;
use crate::server::Server;
use crate::viewers::{self, News};
use crate::{Failure, cameras};

/// Viewers that vanish together.
const VIEWERS: usize = 100;
/// How often that happens, unless said.
const ROUNDS: usize = 3;
/// How long they watch: their resend windows are full.
const WATCH: Duration = Duration::from_secs(10);
/// Silence, and the grace for those who only lost the network, with a reserve.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(25);
/// What may be left of them, of the memory with the one viewer that stays.
const TARGET_PERCENT: f64 = 5.0;

/// Measures and prints.
pub fn run(options: &Options) -> Result<(), Failure> {
    let server = Server::Crosspoint(only_build(options)?);
    let order = cameras::Order { cameras: 1, profile: Profile::SMALL, writes_frames: false };
    let mut cameras = Process::start_role("cameras", &order)?;
    let (server, endpoint) = server.start(1, cameras.line()?.parse()?)?;
    let watch = |viewers| -> Result<Process, Failure> {
        let hour = Duration::from_secs(3_600);
        let order = viewers::Order {
            server: endpoint,
            viewers,
            slots: 1,
            cameras: 1,
            settle: WATCH,
            window: hour,
        };
        let mut process = Process::start_role("viewers", &order)?;
        let News::Connected(_) = process.news()? else { return Err("no pictures".into()) };
        let News::Started = process.news()? else { return Err("no pictures".into()) };
        Ok(process)
    };

    println!("{}, load {:.1}\n", machine(), load_average());
    println!(
        "| resident memory, MB | with {VIEWERS} more | {FORGOTTEN_AFTER:?} after they vanished | \
         left | anonymous before | after |"
    );
    println!("| ---: | ---: | ---: | ---: | ---: | ---: |");
    let _stays = watch(1)?;
    let before = server.memory()?;
    for _ in 0..options.passes.unwrap_or(ROUNDS) {
        let many = watch(VIEWERS)?;
        let full_mb = server.memory()?.rss_mb;
        drop(many);
        sleep(FORGOTTEN_AFTER);
        let after = server.memory()?;
        let left = (after.rss_mb / before.rss_mb - 1.0) * 100.0;
        println!(
            "| {:.2} | {full_mb:.1} | {:.2} | {left:+.1} % | {:.2} | {:.2} |",
            before.rss_mb, after.rss_mb, before.anonymous_mb, after.anonymous_mb
        );
    }
    println!("\nTarget: {TARGET_PERCENT} %.");
    Ok(())
}
