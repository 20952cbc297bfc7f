//! Three clients. Each gives the slices it got, in order.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use futures::StreamExt as _;
use rtsp::client::{Client, Event, Options, Output};

use crate::scenarios::{Clip, units};

/// Longest that a client may take.
const LONGEST: Duration = Duration::from_secs(5);

fn slices(clip: Clip, units: impl IntoIterator<Item = Vec<u8>>) -> Vec<Vec<u8>> {
    units.into_iter().filter(|unit| clip.is_slice(unit)).collect()
}

/// This client, on a socket of its own.
pub fn ours(clip: Clip, url: &str) -> Vec<Vec<u8>> {
    let mut client = Client::new(Options::new(rtsp::url::Url::parse(url).unwrap()), 1);
    let (mut stream, mut got) = (None::<TcpStream>, Vec::new());
    let (since, mut buffer) = (Instant::now(), vec![0; 65_536]);
    client.start(since);
    while since.elapsed() < LONGEST && got.len() < clip.sent().len() {
        let now = Instant::now();
        while let Some(output) = client.poll_output() {
            match output {
                Output::Connect { host, port, .. } => {
                    let connected = TcpStream::connect((host.as_str(), port)).unwrap();
                    connected.set_read_timeout(Some(Duration::from_millis(2))).unwrap();
                    client.set_peer_address(connected.peer_addr().unwrap().ip());
                    stream = Some(connected);
                    client.handle_connected(now);
                }
                Output::Disconnect => stream = None,
                Output::Send(bytes) => {
                    let _ = stream.as_mut().map(|stream| stream.write_all(&bytes));
                }
                Output::Event(Event::AccessUnit(unit)) => {
                    got.extend(slices(clip, unit.nals().map(<[u8]>::to_vec)));
                }
                Output::Event(Event::Offline { .. }) => return got,
                _ => {}
            }
        }
        match stream.as_mut().map(|stream| stream.read(&mut buffer)) {
            Some(Ok(0)) => client.handle_closed(Instant::now(), "end"),
            Some(Ok(length)) => client.handle_data(Instant::now(), &buffer[..length]),
            _ => {}
        }
        client.handle_timeout(Instant::now());
    }
    got
}

/// ffmpeg, copying what it gets into a byte stream.
pub fn ffmpeg(clip: Clip, url: &str) -> Vec<Vec<u8>> {
    let options = ["-rtsp_transport", "tcp", "-timeout", "2000000", "-i", url];
    let output = ["-map", "0:v:0", "-c", "copy", "-f", clip.format(), "-"];
    let mut child = Command::new("ffmpeg")
        .args(["-nostdin", "-v", "error"])
        .args(options)
        .args(output)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut bytes = Vec::new();
    child.stdout.take().unwrap().read_to_end(&mut bytes).unwrap();
    child.wait().unwrap();
    slices(clip, units(&bytes))
}

/// The crate retina.
pub fn retina(clip: Clip, url: &str) -> Vec<Vec<u8>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut got = Vec::new();
    let reading = async { tokio::time::timeout(LONGEST, read_by_retina(clip, url, &mut got)).await };
    if let Ok(Err(error)) = runtime.block_on(reading)
        && std::env::var_os("VERBOSE").is_some()
    {
        eprintln!("retina: {error}");
    }
    got
}

async fn read_by_retina(
    clip: Clip,
    url: &str,
    got: &mut Vec<Vec<u8>>,
) -> Result<(), Box<dyn std::error::Error>> {
    use retina::client::{
        PlayOptions, Session, SessionOptions, SetupOptions, TcpTransportOptions, Transport,
    };
    let mut url = url::Url::parse(url)?;
    let credentials = (!url.username().is_empty()).then(|| retina::client::Credentials {
        username: url.username().to_owned(),
        password: url.password().unwrap_or_default().to_owned(),
    });
    let _ = (url.set_username(""), url.set_password(None));
    let options = SessionOptions::default().creds(credentials);
    let mut session = Session::describe(url, options).await?;
    let video = session.streams().iter().position(|stream| stream.media() == "video");
    let transport = Transport::Tcp(TcpTransportOptions::default());
    let setup = SetupOptions::default().transport(transport);
    session.setup(video.ok_or("no video")?, setup).await?;
    let mut frames = session.play(PlayOptions::default()).await?.demuxed()?;
    while let Some(item) = frames.next().await {
        let retina::codec::CodecItem::VideoFrame(frame) = item? else { continue };
        let mut rest = frame.data();
        // Each unit behind its length in four bytes.
        while let Some((length, after)) = rest.split_first_chunk::<4>() {
            let length = u32::from_be_bytes(*length) as usize;
            got.extend(slices(clip, [after[..length].to_vec()]));
            rest = &after[length..];
        }
    }
    Ok(())
}
