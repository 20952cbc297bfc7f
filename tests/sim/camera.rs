//! A camera behind its way in: what the matrix would be told of a real one.

use std::sync::{Arc, Weak};
use std::time::Duration;

use crosspoint::engine::frame::{AudioFrame, Frame};
use crosspoint::engine::source::{Health, Picture as Size, SourceId};

use super::picture::{Film, Picture};
use super::prng::Prng;
use super::voice::{self, Word};
use super::{instant, ms};

const SIZES: [Size; 2] = [Size { width: 640, height: 360 }, Size { width: 1920, height: 1080 }];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Nobody has asked for it.
    Off,
    /// RTSP is under way, or the camera is unreachable, until then.
    Connecting(Duration),
    /// The next picture arrives then.
    Filming(Duration),
}

#[derive(Debug)]
pub enum News {
    Health(Health),
    Gap,
    Frame(Picture, Arc<Frame>),
    Audio(AudioFrame),
}

#[derive(Debug)]
pub struct Camera {
    pub id: SourceId,
    /// Time from one picture to the next.
    pub every: Duration,
    /// Times of the requests for a key.
    pub requests: Vec<Duration>,
    /// Nothing has gone wrong since then.
    pub steady_since: Duration,
    /// When each picture was taken, by number.
    pub taken_at: Vec<(u32, Duration)>,
    prng: Prng,
    film: Film,
    state: State,
    size: usize,
    key_bytes: u64,
    delta_bytes: u64,
    answers_requests: bool,
    broken_until: Duration,
    lose_next: u64,
    has_gap: bool,
    frames: Vec<Weak<Frame>>,
    says_at: Duration,
    words: u32,
}

impl Camera {
    /// The groups of pictures of a small one are less than the 100 packets that the
    /// viewers' str0m remembers to ask for again.
    pub fn new(id: SourceId, is_small: bool, mut prng: Prng) -> Self {
        let fps = prng.pick(&[10, 15, 25, 30]);
        let gop = fps * prng.pick(if is_small { &[1, 2] } else { &[1, 2, 4] });
        let (key_bytes, delta_bytes) = if is_small { (6_000, 700) } else { (15_000, 2_800) };
        let mut film = Film::new(u8::try_from(id.0).unwrap(), gop);
        film.disposable_every = prng.pick(&[0, 0, 2, 5]);
        Self {
            id,
            every: Duration::from_secs(1) / fps,
            requests: Vec::new(),
            steady_since: Duration::ZERO,
            taken_at: Vec::new(),
            film,
            state: State::Off,
            size: 0,
            key_bytes: key_bytes / 2 + prng.below(key_bytes / 2),
            delta_bytes: delta_bytes / 2 + prng.below(delta_bytes / 2),
            answers_requests: prng.chance(700),
            broken_until: Duration::ZERO,
            lose_next: 0,
            has_gap: false,
            frames: Vec::new(),
            says_at: Duration::ZERO,
            words: 0,
            prng,
        }
    }

    pub fn start(&mut self, now: Duration) -> Result<(), String> {
        if self.state != State::Off {
            return Err(format!("{:?} is started twice", self.id));
        }
        self.state = State::Connecting(now + self.prng.ms(50, 400));
        Ok(())
    }

    pub fn stop(&mut self) -> Result<(), String> {
        if self.state == State::Off {
            return Err(format!("{:?} is stopped twice", self.id));
        }
        self.state = State::Off;
        Ok(())
    }

    /// The matrix asks for a key.
    pub fn request(&mut self, now: Duration) -> Result<(), String> {
        if self.state == State::Off {
            return Err("a camera that is off is asked for a key".to_owned());
        }
        if let Some(last) = self.requests.last()
            && now < *last + ms(1000)
        {
            return Err(format!("asked for a key at {last:?} and again at {now:?}"));
        }
        self.requests.push(now);
        if self.answers_requests {
            self.film.cut();
        }
        Ok(())
    }

    /// Some pictures are lost on the way in.
    pub fn lose(&mut self, pictures: u64) {
        self.lose_next = pictures;
    }

    /// The camera can't be reached until then.
    pub fn break_until(&mut self, now: Duration, until: Duration) -> Option<News> {
        self.broken_until = until;
        if !matches!(self.state, State::Filming(_)) {
            return None;
        }
        self.state = State::Connecting(now + self.prng.ms(50, 400));
        Some(News::Health(Health::Offline { reason: "connection reset".to_owned() }))
    }

    /// The encoder is given another size, and makes a key of it.
    pub fn resize(&mut self) {
        self.size = (self.size + 1) % SIZES.len();
        self.film.cut();
    }

    pub fn is_off(&self) -> bool {
        self.state == State::Off
    }

    pub fn is_filming(&self) -> bool {
        matches!(self.state, State::Filming(_))
    }

    /// Longest time from one key to the next.
    pub fn period(&self) -> Duration {
        self.every * self.film.gop
    }

    pub fn poll_timeout(&self) -> Option<Duration> {
        match self.state {
            State::Off => None,
            State::Connecting(at) => Some(at),
            State::Filming(at) => Some(at.min(self.says_at)),
        }
    }

    pub fn handle_timeout(&mut self, now: Duration) -> Vec<News> {
        match self.state {
            State::Connecting(at) if at <= now => self.connect(now),
            State::Filming(at) => {
                let mut news = if at <= now { self.shoot(now) } else { Vec::new() };
                if self.says_at <= now && self.is_filming() {
                    news.push(self.say(now));
                }
                news
            }
            _ => Vec::new(),
        }
    }

    fn say(&mut self, now: Duration) -> News {
        self.says_at = now + voice::EVERY;
        self.words += 1;
        News::Audio(Word { camera: self.id.0, number: self.words }.frame(now))
    }

    fn connect(&mut self, now: Duration) -> Vec<News> {
        if self.broken_until > now {
            self.state = State::Connecting(self.broken_until.max(now + ms(500)));
            return vec![News::Health(Health::Offline { reason: "no route to host".to_owned() })];
        }
        self.film.cut();
        self.has_gap = false;
        self.lose_next = 0;
        self.steady_since = now;
        self.state = State::Filming(now);
        self.says_at = now;
        let mut news = vec![News::Health(Health::Live(SIZES[self.size]))];
        news.extend(self.shoot(now));
        news
    }

    fn shoot(&mut self, now: Duration) -> Vec<News> {
        self.state = State::Filming(now + self.every);
        let picture = self.film.shoot();
        let mut news = Vec::new();
        if self.lose_next > 0 {
            self.lose_next -= 1;
            self.steady_since = now;
            self.has_gap = true;
            return vec![News::Gap];
        }
        if picture.is_key() {
            news.push(News::Health(Health::Live(SIZES[self.size])));
            self.has_gap = false;
        }
        if self.has_gap {
            return news;
        }
        let most = if picture.is_key() { self.key_bytes } else { self.delta_bytes };
        let bytes = usize::try_from(most / 2 + self.prng.below(most / 2)).unwrap();
        // Arrival jitters, so it was taken a little earlier.
        let taken_at = now.saturating_sub(self.prng.ms(0, 8));
        let frame = picture.frame(instant(taken_at), bytes);
        self.taken_at.push((picture.number, taken_at));
        self.frames.push(Arc::downgrade(&frame));
        news.push(News::Frame(picture, frame));
        news
    }

    pub fn age(&self, picture: Picture, now: Duration) -> Duration {
        let index = self.taken_at.binary_search_by_key(&picture.number, |taken| taken.0);
        now - self.taken_at[index.unwrap()].1
    }

    /// Payload bytes of this camera's pictures that somebody still holds.
    pub fn held_bytes(&mut self) -> usize {
        self.frames.retain(|frame| frame.strong_count() > 0);
        self.frames.iter().filter_map(Weak::upgrade).map(|frame| frame.bytes()).sum()
    }
}
