//! A camera in virtual time, and what is learned about it.

use super::*;

const GOP: Duration = Duration::from_secs(4);
const REACTION: Duration = Duration::from_millis(80);
const STEP: Duration = Duration::from_millis(20);

fn rtcp() -> Keyframes {
    Keyframes::new(&[Method::Rtcp])
}

/// A camera that heeds some ways to ask.
struct Camera {
    heeds: Vec<Method>,
    /// An IDR that was asked for begins a new interval.
    restarts: bool,
    now: Instant,
    start: Instant,
    natural_at: Instant,
    forced_at: Option<Instant>,
    keyframes: Keyframes,
    asked: Vec<(Method, Duration)>,
}

impl Camera {
    fn new(methods: &[Method], heeds: &[Method]) -> Self {
        let now = Instant::now();
        Self {
            heeds: heeds.to_vec(),
            restarts: true,
            now,
            start: now,
            natural_at: now,
            forced_at: None,
            keyframes: Keyframes::new(methods),
            asked: Vec::new(),
        }
    }

    fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        while self.now < end {
            self.now += STEP;
            if self.natural_at <= self.now {
                self.natural_at += GOP;
                self.keyframes.handle_key(self.now);
            }
            if self.forced_at.is_some_and(|at| at <= self.now) {
                self.forced_at = None;
                if self.restarts {
                    self.natural_at = self.now + GOP;
                }
                self.keyframes.handle_key(self.now);
            }
            if let Some(method) = self.keyframes.poll(self.now) {
                self.asked.push((method, self.now - self.start));
                if self.heeds.contains(&method) {
                    self.forced_at = Some(self.now + REACTION);
                }
            }
        }
    }

    /// Wants a keyframe, well into a group of pictures, so many times.
    fn want(&mut self, times: u32) {
        for n in 0..times {
            self.pass(GOP * 2 + Duration::from_millis(u64::from(n) * 340));
            self.keyframes.want();
        }
        self.pass(GOP);
    }

    fn verdicts(&self) -> Vec<&'static str> {
        self.keyframes.rungs().iter().map(|rung| rung.verdict().as_str()).collect()
    }

    fn count(&self, method: Method) -> usize {
        self.asked.iter().filter(|(asked, _)| *asked == method).count()
    }
}

#[test]
fn nine_wishes_in_a_second_are_one_request() {
    let start = Instant::now();
    let mut keyframes = rtcp();
    let mut requests = 0;
    for n in 0..9 {
        keyframes.want();
        requests += usize::from(keyframes.poll(start + Duration::from_millis(n * 100)).is_some());
    }
    assert_eq!(requests, 1);
}

#[test]
fn a_wish_in_the_quiet_second_is_not_forgotten() {
    let start = Instant::now();
    let mut keyframes = rtcp();
    keyframes.want();
    assert_eq!(keyframes.poll(start), Some(Method::Rtcp));
    keyframes.handle_key(start);
    keyframes.want();
    assert_eq!(keyframes.poll(start + Duration::from_millis(10)), None);
    assert_eq!(keyframes.poll_timeout(), Some(start + MIN_INTERVAL));
    assert_eq!(keyframes.poll(start + MIN_INTERVAL), Some(Method::Rtcp));
}

#[test]
fn a_camera_that_never_answers_is_asked_ever_more_rarely() {
    let start = Instant::now();
    let mut keyframes = rtcp();
    let mut requests = 0;
    for second in 0..60 {
        keyframes.want();
        requests += usize::from(keyframes.poll(start + Duration::from_secs(second)).is_some());
    }
    // At 0, 1, 3, 7, 15, 31 and 47 s.
    assert_eq!(requests, 7);
}

#[test]
fn an_idr_settles_the_wish() {
    let start = Instant::now();
    let mut keyframes = rtcp();
    keyframes.want();
    keyframes.handle_key(start);
    assert_eq!(keyframes.poll(start), None);
    assert_eq!(keyframes.poll_timeout(), None);
}

#[test]
fn a_camera_that_may_not_be_asked_is_not() {
    let mut keyframes = Keyframes::new(&[]);
    keyframes.want();
    assert_eq!((keyframes.poll(Instant::now()), keyframes.poll_timeout()), (None, None));
}

#[test]
fn three_idrs_that_came_early_make_a_method_effective_and_two_do_not() {
    for restarts in [true, false] {
        let mut camera = Camera::new(&[Method::Rtcp], &[Method::Rtcp]);
        camera.restarts = restarts;
        camera.want(2);
        assert_eq!(camera.verdicts(), ["learning"]);
        camera.want(6);
        assert_eq!(camera.verdicts(), ["effective"], "restarts: {restarts}");
        let rung = &camera.keyframes.rungs()[0];
        assert_eq!((rung.last_wait(), rung.median_wait()), (Some(REACTION), Some(REACTION)));
        assert_eq!(rung.requests(), 8);
    }
}

#[test]
fn a_camera_that_ignores_requests_is_asked_once_in_ten_minutes() {
    let mut camera = Camera::new(&[Method::Rtcp], &[]);
    camera.want(12);
    assert_eq!(camera.verdicts(), ["ignored"]);
    let learned = camera.asked.len();
    assert!(learned <= 20, "{:?}", camera.asked);
    for _ in 0..300 {
        camera.keyframes.want();
        camera.pass(GOP);
    }
    let after = camera.asked.len() - learned;
    assert!((1..=2).contains(&after), "{after} requests in 20 minutes");
}

#[test]
fn a_camera_that_learns_to_listen_is_believed_again() {
    let mut camera = Camera::new(&[Method::Rtcp], &[]);
    camera.want(12);
    camera.heeds = vec![Method::Rtcp];
    camera.pass(Duration::from_secs(600));
    camera.want(10);
    assert_eq!(camera.verdicts(), ["effective"]);
    camera.heeds.clear();
    camera.want(10);
    assert_eq!(camera.verdicts(), ["ignored"], "and what is no longer true is unlearned");
}

#[test]
fn the_next_way_is_tried_once_the_first_is_ignored() {
    let mut camera = Camera::new(&[Method::Rtcp, Method::Axis], &[Method::Axis]);
    camera.want(16);
    assert_eq!(camera.verdicts(), ["ignored", "effective"]);
    let before = camera.count(Method::Rtcp);
    camera.pass(Duration::from_secs(1200));
    camera.want(10);
    assert_eq!(camera.count(Method::Rtcp), before, "what works is kept to");
}

#[test]
fn what_a_camera_does_not_know_is_not_asked_again_in_its_session() {
    let mut camera = Camera::new(&[Method::Axis], &[]);
    camera.want(1);
    camera.keyframes.handle_refusal(camera.now, Method::Axis, Refusal::Unsupported);
    let before = camera.asked.len();
    camera.want(100);
    assert_eq!((camera.asked.len(), camera.verdicts()), (before, vec!["unsupported"]));
    camera.keyframes.reset();
    camera.want(1);
    assert!(camera.asked.len() > before);
}

#[test]
fn what_did_harm_is_not_asked_for_an_hour_whatever_session() {
    let mut camera = Camera::new(&[Method::Axis], &[]);
    camera.want(1);
    camera.keyframes.handle_refusal(camera.now, Method::Axis, Refusal::Harmful);
    let refused_at = camera.now - camera.start;
    let before = camera.asked.len();
    camera.keyframes.reset();
    for _ in 0..910 {
        camera.keyframes.want();
        camera.pass(GOP);
    }
    let next = camera.asked[before..].first().map(|(_, at)| *at - refused_at);
    assert!(next.is_some_and(|rest| rest >= Duration::from_secs(3600)), "{next:?}");
}

#[test]
fn an_interval_with_a_gap_in_it_is_not_counted() {
    let start = Instant::now();
    let mut keyframes = rtcp();
    keyframes.handle_key(start);
    keyframes.handle_gap();
    keyframes.handle_key(start + GOP * 2);
    assert_eq!(keyframes.interval(), None);
    keyframes.handle_key(start + GOP * 3);
    assert_eq!(keyframes.interval(), Some(GOP));
}

#[test]
fn the_idr_that_a_session_begins_with_says_nothing_of_a_rhythm() {
    let start = Instant::now();
    let mut keyframes = rtcp();
    let beat = start + Duration::from_millis(130);
    keyframes.handle_key(start);
    keyframes.handle_key(beat);
    assert_eq!(keyframes.interval(), None);
    keyframes.handle_key(beat + GOP);
    assert_eq!(keyframes.interval(), Some(GOP));
}

proptest::proptest! {
    /// Whatever happens, a camera hears no more than one request a second, and a deaf one is
    /// never believed to hear.
    #[test]
    fn requests_are_a_second_apart_and_a_deaf_camera_is_not_believed(
        wishes in proptest::collection::vec((0_u64..9_000, 0_u8..20), 1..60),
    ) {
        let mut camera = Camera::new(&[Method::Rtcp, Method::Axis], &[]);
        for (pause_ms, what) in wishes {
            camera.pass(Duration::from_millis(pause_ms));
            match what {
                0 => camera.keyframes.reset(),
                1 => camera.keyframes.handle_gap(),
                2 => camera.keyframes.handle_refusal(camera.now, Method::Axis, Refusal::Harmful),
                _ => camera.keyframes.want(),
            }
        }
        for pair in camera.asked.windows(2) {
            proptest::prop_assert!(pair[1].1 - pair[0].1 >= MIN_INTERVAL, "{:?}", camera.asked);
        }
        proptest::prop_assert!(!camera.verdicts().contains(&"effective"));
    }
}
