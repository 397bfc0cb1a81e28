//! Questions to a hub. Each is asked on a thread of its own and heard piece by piece, so that whoever waits can stop at any
//! moment, whatever the other end does; the thread itself ends when its wait is over.
//!
//! Redirections are followed here and not by ureq: what the hub says about a file stands in the head of the redirection, and the
//! token goes to the hub alone, not to where it sends us.

use super::{Hub, HubError, HubId};
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};
use std::io::Read;
use std::time::{Duration, Instant};
use ureq::http::{HeaderMap, Uri};

/// How often a wait looks whether it was cancelled.
const LOOK: Duration = Duration::from_millis(50);

/// Bytes that are handed on at once, and how many such pieces may wait.
const PIECE: usize = 256 << 10;
const WAITING: usize = 8;

/// Redirections that are followed.
const HOPS: usize = 8;

/// The most that an answer which is no file may have.
const SMALL: usize = 8 << 20;

/// What the head of an answer says.
#[derive(Clone, Debug, Default)]
pub(super) struct Head {
    pub status: u16,
    /// Bytes of this answer.
    pub length: Option<u64>,
    /// Where they begin in the file, and how long that is.
    pub range: Option<(u64, u64)>,
    /// What the hub says of the file, here or in a redirection before.
    pub etag: Option<String>,
    pub size: Option<u64>,
    pub commit: Option<String>,
    /// Seconds that a busy hub asks for.
    pub retry_after: Option<u64>,
    /// The hub's word for what is wrong.
    pub fault: Option<String>,
}

/// What the thread says.
enum Said {
    Head(Head),
    Bytes(Vec<u8>),
    End,
    /// The connection, in words.
    Broken(String),
}

/// Why an answer did not come, or did not end.
pub(super) enum Broken {
    Cancelled,
    Connection(String),
}

/// An answer that is coming in.
pub(super) struct Answer {
    said: Receiver<Said>,
    wait: Duration,
}

impl Answer {
    /// The head, once it is there.
    pub fn head(&self, cancelled: &dyn Fn() -> bool) -> Result<Head, Broken> {
        match self.next(cancelled)? {
            Said::Head(head) => Ok(head),
            _ => Err(Broken::Connection("no answer came".to_owned())),
        }
    }

    /// The next piece; `None`: that was all.
    pub fn piece(&self, cancelled: &dyn Fn() -> bool) -> Result<Option<Vec<u8>>, Broken> {
        match self.next(cancelled)? {
            Said::Bytes(bytes) => Ok(Some(bytes)),
            _ => Ok(None),
        }
    }

    fn next(&self, cancelled: &dyn Fn() -> bool) -> Result<Said, Broken> {
        let until = Instant::now() + self.wait;
        loop {
            if cancelled() {
                return Err(Broken::Cancelled);
            }
            match self.said.recv_timeout(LOOK) {
                Ok(Said::Broken(why)) => return Err(Broken::Connection(why)),
                Ok(said) => return Ok(said),
                Err(RecvTimeoutError::Timeout) if Instant::now() < until => {}
                Err(RecvTimeoutError::Timeout) => {
                    return Err(Broken::Connection(format!(
                        "nothing came for {} s",
                        self.wait.as_secs_f32()
                    )));
                }
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(Broken::Connection("the answer broke off".to_owned()));
                }
            }
        }
    }
}

impl Hub {
    /// Asks for `url` from this byte on.
    pub(super) fn ask(&self, url: &str, from: u64) -> Answer {
        let (tx, said) = bounded(WAITING);
        let (hub, url) = (self.clone(), url.to_owned());
        let spawned = std::thread::Builder::new().name("hub".to_owned()).spawn({
            let tx = tx.clone();
            move || {
                if let Err(why) = hub.follow(&url, from, &tx) {
                    // Nobody may be waiting any more.
                    let _ = tx.send(Said::Broken(why));
                }
            }
        });
        if let Err(e) = spawned {
            let _ = tx.send(Said::Broken(format!("no thread can be started: {e}")));
        }
        // The thread's own waits end before this one, which is there for what they do not cover.
        let wait = 2 * (self.patience.answer.max(self.patience.piece)) + Duration::from_secs(1);
        Answer { said, wait }
    }

    /// An answer that is no file, whole. `what` names it in errors.
    pub(super) fn small(
        &self,
        id: &HubId,
        url: &str,
        what: &str,
        cancelled: &dyn Fn() -> bool,
    ) -> Result<Vec<u8>, HubError> {
        let mut tries = Tries::new(self);
        loop {
            match self.small_once(id, url, what, cancelled) {
                Err(Trouble::Passing(why, after)) => tries.again(why, after, cancelled)?,
                Err(Trouble::Final(error)) => return Err(error),
                Ok(bytes) => return Ok(bytes),
            }
        }
    }

    fn small_once(
        &self,
        id: &HubId,
        url: &str,
        what: &str,
        cancelled: &dyn Fn() -> bool,
    ) -> Result<Vec<u8>, Trouble> {
        let until = Instant::now() + self.patience.whole;
        let broken = |b: Broken| self.broken(id, url, b);
        let answer = self.ask(url, 0);
        let head = answer.head(cancelled).map_err(broken)?;
        self.judge(id, what, &head)?;
        let mut bytes = Vec::new();
        while let Some(piece) = answer.piece(cancelled).map_err(broken)? {
            bytes.extend(piece);
            let reason = match bytes.len() > SMALL {
                true => "it does not end".to_owned(),
                false if Instant::now() > until => {
                    format!("it takes longer than {} s", self.patience.whole.as_secs_f32())
                }
                false => continue,
            };
            return Err(Trouble::Final(HubError::Answer { what: what.to_owned(), reason }));
        }
        match head.length {
            Some(length) if length != bytes.len() as u64 => {
                Err(broken(Broken::Connection(format!("{} of {length} bytes came", bytes.len()))))
            }
            _ => Ok(bytes),
        }
    }

    /// What a connection that broke means.
    pub(super) fn broken(&self, id: &HubId, url: &str, broken: Broken) -> Trouble {
        match broken {
            Broken::Cancelled => Trouble::Final(HubError::Cancelled),
            Broken::Connection(reason) => {
                let host =
                    origin(url).map_or(url, |o| o.split_once("://").map_or(o, |(_, host)| host)).to_owned();
                Trouble::Passing(HubError::Network { host, reason, places: self.places(id) }, None)
            }
        }
    }

    /// What a status means.
    pub(super) fn judge(&self, id: &HubId, what: &str, head: &Head) -> Result<(), Trouble> {
        let what = what.to_owned();
        let gated = head.fault.as_deref() == Some("GatedRepo");
        Err(match head.status {
            200 | 206 => return Ok(()),
            401 if gated => Trouble::Final(HubError::Gated { id: id.clone(), page: self.page(id) }),
            // Without a token the hub says 401 of what is not there.
            401 | 404 => Trouble::Final(HubError::NotThere { id: id.clone() }),
            403 => Trouble::Final(HubError::Gated { id: id.clone(), page: self.page(id) }),
            429 => Trouble::Passing(HubError::Busy { what }, head.retry_after.map(Duration::from_secs)),
            status @ 500..=599 => Trouble::Passing(HubError::Status { what, status }, None),
            status => Trouble::Final(HubError::Status { what, status }),
        })
    }

    /// On the thread: asks, follows, and hands on what comes. The error is in words.
    fn follow(&self, url: &str, from: u64, tx: &Sender<Said>) -> Result<(), String> {
        let config = ureq::Agent::config_builder()
            .max_redirects(0)
            .http_status_as_error(false)
            .user_agent(concat!("motionlens/", env!("CARGO_PKG_VERSION")))
            .timeout_resolve(Some(self.patience.answer))
            .timeout_connect(Some(self.patience.answer))
            .timeout_recv_response(Some(self.patience.answer))
            .timeout_per_read(Some(self.patience.piece))
            .build();
        let agent = config.new_agent();
        let mut url = url.to_owned();
        let mut known = Head::default();
        for _ in 0..=HOPS {
            // Compressed, the length would be another.
            let mut request = agent.get(&url).header("Accept-Encoding", "identity");
            // Nor in the open: a mirror without TLS is another's.
            let ours =
                origin(&url) == origin(&self.endpoint) && (url.starts_with("https:") || is_loopback(&url));
            if let (Ok(Some(token)), true) = (&self.token, ours) {
                request = request.header("Authorization", format!("Bearer {token}"));
            }
            if from > 0 {
                request = request.header("Range", format!("bytes={from}-"));
            }
            let response = request.call().map_err(|e| e.to_string())?;
            let (parts, body) = response.into_parts();
            known = heard(&parts.headers, &known);
            if !parts.status.is_redirection() {
                let head = Head { status: parts.status.as_u16(), ..known };
                if tx.send(Said::Head(head)).is_err() {
                    return Ok(());
                }
                return hand_on(body.into_with_config().limit(u64::MAX).reader(), tx);
            }
            let to = parts.headers.get("location").and_then(|l| l.to_str().ok()).unwrap_or_default();
            url = joined(&url, to).ok_or_else(|| format!("it leads on to \"{}\"", shown(to)))?;
        }
        Err(format!("it leads on more than {HOPS} times"))
    }
}

/// An address of this machine.
fn is_loopback(url: &str) -> bool {
    let host = origin(url).and_then(|o| o.split_once("://")).map_or("", |(_, host)| host);
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    name == "localhost"
        || name.trim_matches(['[', ']']).parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// Reads to the end.
fn hand_on(mut body: impl Read, tx: &Sender<Said>) -> Result<(), String> {
    loop {
        let mut piece = vec![0; PIECE];
        let n = body.read(&mut piece).map_err(|e| e.to_string())?;
        piece.truncate(n);
        let said = if n == 0 { Said::End } else { Said::Bytes(piece) };
        if tx.send(said).is_err() || n == 0 {
            return Ok(());
        }
    }
}

/// The head of an answer, with what redirections before it said of the file.
fn heard(headers: &HeaderMap, before: &Head) -> Head {
    let text = |name: &str| Some(headers.get(name)?.to_str().ok()?.trim().to_owned());
    let number = |name: &str| text(name)?.parse().ok();
    let range = || {
        // bytes 100-199/200
        let (range, size) = text("content-range")?
            .strip_prefix("bytes ")?
            .split_once('/')
            .map(|(r, s)| (r.to_owned(), s.to_owned()))?;
        Some((range.split_once('-')?.0.parse().ok()?, size.parse().ok()?))
    };
    let etag = text("x-linked-etag").map(|e| e.trim_start_matches("W/").trim_matches('"').to_owned());
    Head {
        status: 0,
        length: number("content-length"),
        range: range(),
        etag: etag.or_else(|| before.etag.clone()),
        size: number("x-linked-size").or(before.size),
        commit: text("x-repo-commit").or_else(|| before.commit.clone()),
        retry_after: number("retry-after"),
        fault: text("x-error-code"),
    }
}

/// Where a redirection leads; `None`: nowhere that is followed, as from https to http.
fn joined(url: &str, to: &str) -> Option<String> {
    let next = match to {
        _ if to.starts_with("//") => return None,
        _ if to.starts_with('/') => format!("{}{to}", origin(url)?),
        _ => to.to_owned(),
    };
    let safe = !url.starts_with("https://") || next.starts_with("https://");
    (safe && origin(&next).is_some() && next.parse::<Uri>().is_ok()).then_some(next)
}

/// Scheme, host and port of an http address.
pub(super) fn origin(url: &str) -> Option<&str> {
    let (scheme, rest) = url.split_once("://")?;
    let host = rest.split(['/', '?', '#']).next()?;
    let plain = !host.is_empty() && host.bytes().all(|b| b.is_ascii_alphanumeric() || b".-:[]_".contains(&b));
    (["http", "https"].contains(&scheme) && plain).then(|| &url[..scheme.len() + 3 + host.len()])
}

/// Something from outside, short enough for a message.
pub(super) fn shown(text: &str) -> String {
    text.chars().take(160).map(|c| if c.is_control() { '?' } else { c }).collect()
}

/// Why a question failed.
pub(super) enum Trouble {
    /// It may be over later, or after so long.
    Passing(HubError, Option<Duration>),
    Final(HubError),
}

/// Counts how often something failed in a row.
pub(super) struct Tries {
    left: u32,
    most: u32,
    pause: Duration,
    first: Duration,
}

/// The longest that a busy hub is waited for at once.
const LONGEST: Duration = Duration::from_secs(60);

impl Tries {
    pub fn new(hub: &Hub) -> Self {
        let Hub { patience, .. } = hub;
        Self { left: patience.tries, most: patience.tries, pause: patience.pause, first: patience.pause }
    }

    /// Something came: what failed before does not count.
    pub fn refresh(&mut self) {
        (self.left, self.pause) = (self.most, self.first);
    }

    /// Waits before another try; where there has been enough of that, the error.
    pub fn again(
        &mut self,
        why: HubError,
        after: Option<Duration>,
        cancelled: &dyn Fn() -> bool,
    ) -> Result<(), HubError> {
        self.left = self.left.saturating_sub(1);
        if self.left == 0 {
            return Err(why);
        }
        let until = Instant::now() + after.unwrap_or(self.pause).max(self.pause).min(LONGEST);
        self.pause *= 2;
        while Instant::now() < until {
            if cancelled() {
                return Err(HubError::Cancelled);
            }
            std::thread::sleep(LOOK.min(self.first));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_a_redirection_may_lead() {
        let hub = "https://huggingface.co/a/b/resolve/main/c";
        assert_eq!(joined(hub, "/x?y").unwrap(), "https://huggingface.co/x?y");
        assert_eq!(joined(hub, "https://cdn.example/x").unwrap(), "https://cdn.example/x");
        for bad in [
            "",
            "x",
            "//cdn/x",
            "http://cdn.example/x",
            "file:///etc/passwd",
            "https://",
            "https://a b/c",
            "https://u@h/",
        ] {
            assert_eq!(joined(hub, bad), None, "{bad}");
        }
        assert!(joined("http://127.0.0.1:1/a", "http://127.0.0.1:2/b").is_some());
    }

    #[test]
    fn what_is_on_this_machine() {
        for here in ["http://127.0.0.1:80/x", "http://localhost", "http://[::1]:80/"] {
            assert!(is_loopback(here), "{here}");
        }
        for other in
            ["http://hub.example:80", "http://127.0.0.1.example/", "http://10.0.0.1", "ftp://127.0.0.1"]
        {
            assert!(!is_loopback(other), "{other}");
        }
    }

    #[test]
    fn the_origin_is_scheme_host_and_port() {
        assert_eq!(origin("https://huggingface.co/a?b"), Some("https://huggingface.co"));
        assert_eq!(origin("http://127.0.0.1:80?b"), Some("http://127.0.0.1:80"));
        assert_eq!(origin("http://[::1]:80/"), Some("http://[::1]:80"));
        assert_ne!(origin("https://huggingface.co.evil/"), origin("https://huggingface.co/"));
        assert_eq!(origin("https://huggingface.co@evil/"), None);
    }

    #[test]
    fn what_a_head_says_of_a_file() {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("x-linked-etag", "W/\"abc\""),
            ("x-linked-size", "12"),
            ("content-range", "bytes 5-11/12"),
            ("content-length", "7"),
            ("retry-after", "soon"),
        ] {
            headers.insert(name, value.parse().unwrap());
        }
        let head = heard(&headers, &Head::default());
        assert_eq!(
            (head.etag.as_deref(), head.size, head.range, head.length),
            (Some("abc"), Some(12), Some((5, 12)), Some(7))
        );
        assert_eq!(head.retry_after, None);
        let next = heard(&HeaderMap::new(), &head);
        assert_eq!((next.etag.as_deref(), next.size, next.range), (Some("abc"), Some(12), None));
    }
}
