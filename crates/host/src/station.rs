//! A virtual meter at work: its state folder, its sockets, its threads, from the start to a clean end.

use core::fmt;
use core::net::SocketAddr;
use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;
use std::io;
use std::net::{TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::SystemTime;

use base::{Micros, Utc};
use meter::FlashSize;
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::runtime;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

use crate::bench::Bench;
use crate::change::Speed;
use crate::config::Order;
use crate::flash_file::{FlashFile, FlashFileError, Found, Syncer};
use crate::http::{self, Connections, Service};
use crate::links::{Links, Ports, Sockets};
use crate::pace;
use crate::packet_trace::PacketTrace;
use crate::scenario::Scenario;
use crate::virtual_meter::{Beginning, VirtualMeter, phases, say_losses};
use crate::world_file::{Remembered, WorldFile};

/// How a meter is to be set up.
pub struct Options {
    /// The meter as it was ordered.
    pub order: Order,
    /// The folder of its state; it is made if it is not there.
    pub state: PathBuf,
    /// Makes two runs equal, and challenges predictable.
    pub seed: Option<u64>,
    /// How fast the world runs.
    pub speed: Speed,
    /// Civil time of the world at the start. Without it a meter with a seed goes on where its state says; any other takes the system's clock.
    pub start: Option<Utc>,
    /// Where the wrapper listens; port 0 is any free one.
    pub wrapper: SocketAddr,
    /// Where HDLC listens.
    pub hdlc: SocketAddr,
    /// Where the optical port listens, if anywhere.
    pub optical: Option<SocketAddr>,
    /// Where the wrapper over UDP listens, if anywhere.
    pub udp: Option<SocketAddr>,
    /// Where page and control interface listen.
    pub http: SocketAddr,
    /// What happens when.
    pub scenario: Scenario,
    /// How long the world runs; without it until somebody stops the process.
    pub duration: Option<Micros>,
    /// The file that gets what the DLMS ports hear and say, as a pcapng capture.
    pub pcap: Option<PathBuf>,
}

/// What a started meter tells its owner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Announcement {
    /// Address of the wrapper.
    pub wrapper: SocketAddr,
    /// Address of HDLC.
    pub hdlc: SocketAddr,
    /// Address of the optical port.
    pub optical: Option<SocketAddr>,
    /// Address of the wrapper over UDP.
    pub udp: Option<SocketAddr>,
    /// Address of page and control interface.
    pub http: SocketAddr,
    /// The state folder.
    pub state: PathBuf,
    /// The system title in hexadecimal.
    pub system_title: String,
    /// The logical device name.
    pub logical_device_name: String,
}

/// What a meter that has ended says.
#[derive(Clone, Debug, PartialEq)]
pub struct Farewell {
    /// Energy registers by OBIS name with value and unit.
    pub registers: Value,
    /// The meter's time.
    pub time: Value,
    /// Whether it ended because its time was over, and not because somebody stopped it.
    pub time_is_over: bool,
}

/// Why a meter did not start, or could not go on.
#[derive(Debug)]
pub enum StartError {
    /// The state folder cannot be used.
    Folder {
        /// The folder.
        path: PathBuf,
        /// What the operating system said.
        error: io::Error,
    },
    /// The packet trace cannot be written.
    Trace {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        error: io::Error,
    },
    /// The flash image cannot be used.
    Flash(FlashFileError),
    /// An address cannot be listened on.
    Listen {
        /// The option that gives another one.
        option: &'static str,
        /// The address.
        address: SocketAddr,
        /// What the operating system said.
        error: io::Error,
    },
    /// The meter itself does not work.
    Meter(String),
    /// The operating system refused something else.
    System(io::Error),
}

/// A meter at work.
pub struct Station {
    bench: Arc<Bench>,
    announcement: Announcement,
    syncer: Syncer,
    world_file: WorldFile,
    written: Mutex<Option<Remembered>>,
    stop: Arc<AtomicBool>,
    stop_http: watch::Sender<bool>,
    ends: Receiver<End>,
    pacer: JoinHandle<()>,
    server: JoinHandle<()>,
}

/// Why the meter is to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// The world ended: its time is over, or it broke.
    World,
    /// Somebody asked for it.
    Asked,
    /// The control interface ended.
    Interface,
}

/// Says that a thread has ended, however it ended.
struct Obituary(Sender<End>, End);

impl Drop for Obituary {
    fn drop(&mut self) {
        // Nobody listens when the process ends already.
        let _told = self.0.send(self.1);
    }
}

impl Station {
    /// Opens the state, takes the addresses, gives the meter power, and begins to serve.
    ///
    /// # Errors
    /// [`StartError`]; nothing is left running.
    pub fn start(options: Options) -> Result<Self, StartError> {
        let Options {
            order,
            state,
            seed,
            speed,
            start,
            wrapper,
            hdlc,
            optical,
            udp,
            http,
            scenario,
            duration,
            pcap,
        } = options;
        let folder = |error| StartError::Folder {
            path: state.clone(),
            error,
        };
        let trace = match &pcap {
            Some(path) => Some(PacketTrace::create(path).map_err(|error| StartError::Trace {
                path: path.clone(),
                error,
            })?),
            None => None,
        };
        std::fs::create_dir_all(&state).map_err(folder)?;
        let state = std::fs::canonicalize(&state).map_err(folder)?;
        let (flash, damaged) = open_flash(&state, order.config.flash)?;
        let world_file = WorldFile::new(&state);
        let remembered = beginning_of(world_file.read(), seed, start)?;
        let (wrapper, wrapper_socket) = listen("--wrapper", wrapper)?;
        let (hdlc, hdlc_socket) = listen("--hdlc", hdlc)?;
        let (optical, optical_socket) = optical.map(|it| listen("--optical", it)).transpose()?.unzip();
        let (udp, udp_socket) = udp.map(listen_datagrams).transpose()?.unzip();
        let (http, http_socket) = listen("--http", http)?;

        let syncer = flash.syncer();
        let (devices, clock, sensors) = (order.mbus, order.clock, order.sensors);
        let config = order.config;
        let announcement = Announcement {
            wrapper,
            hdlc,
            optical,
            udp,
            http,
            state,
            system_title: config
                .system_title()
                .iter()
                .map(|octet| format!("{octet:02X}"))
                .collect(),
            logical_device_name: config
                .logical_device_name()
                .iter()
                .map(|octet| char::from(*octet))
                .collect(),
        };
        let phases = phases(config.variant);
        let beginning = Beginning {
            config,
            devices,
            clock,
            sensors,
            flash,
            damaged,
            seed,
            remembered,
            speed,
            scenario,
            duration,
        };
        let (meter, report) = VirtualMeter::begin(beginning).map_err(StartError::Meter)?;
        say_losses(&report);

        let bench = Arc::new(Bench::new(meter));
        let sockets = Sockets {
            wrapper: wrapper_socket,
            hdlc: hdlc_socket,
            optical: optical_socket,
            udp: udp_socket,
        };
        let links = Links::serve(&bench, sockets, trace.as_ref()).map_err(StartError::System)?;
        let stop = Arc::new(AtomicBool::new(false));
        let (stop_http, stopped) = watch::channel(false);
        let (ending, ends) = channel();

        let connections = Connections::new();
        let ports = Ports::new(links.clone(), http, connections.clone());
        let service = Service::new(Arc::clone(&bench), ports, phases, stopped);
        let runtime = runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(StartError::System)?;
        let obituary = Obituary(ending.clone(), End::Interface);
        let asked = ending.clone();
        // Caught from here on: nobody is told where the meter is before it can be stopped cleanly.
        let signals = {
            let _context = runtime.enter();
            (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
        };
        let server = thread("http", move || {
            let _obituary = obituary;
            runtime.block_on(async move {
                tokio::select! {
                    served = http::serve(http_socket, connections, service) => {
                        if let Err(error) = served {
                            tracing::error!(%error, "the control interface ended");
                        }
                    }
                    () = asked_to_stop(signals, &asked) => {}
                }
            });
        })?;
        let pacer = {
            let (bench, stop) = (Arc::clone(&bench), Arc::clone(&stop));
            let obituary = Obituary(ending, End::World);
            thread("world", move || {
                let _obituary = obituary;
                pace::run(&bench, &links, &stop);
            })?
        };
        let written = Mutex::new(None);
        let station = Self {
            bench,
            announcement,
            syncer,
            world_file,
            written,
            stop,
            stop_http,
            ends,
            pacer,
            server,
        };
        station.save();
        Ok(station)
    }

    /// What the owner should know.
    #[must_use]
    pub const fn announcement(&self) -> &Announcement {
        &self.announcement
    }

    /// Works until the world's time is over or somebody asks for the end (Ctrl-C, SIGTERM), then lets the meter save and says farewell.
    ///
    /// # Errors
    /// When the meter could not go on.
    pub fn run(self) -> Result<Farewell, StartError> {
        let mut periods = 0_u32;
        let end = loop {
            match self.ends.recv_timeout(SAVING_PERIOD) {
                Ok(end) => break end,
                Err(RecvTimeoutError::Timeout) => {
                    self.save();
                    periods = periods.wrapping_add(1);
                    if periods.is_multiple_of(PERIODS_A_SYNC) {
                        self.sync();
                    }
                }
                Err(RecvTimeoutError::Disconnected) => break End::World,
            }
        };
        self.stop.store(true, Ordering::Release);
        self.bench.wake();
        let paced = self.pacer.join();
        // The farewell tells what was measured; the warning comes after it, and what it writes is the meter's last word.
        let (farewell, broken, remembered) = self.bench.with(|meter| {
            let farewell = Farewell {
                registers: meter.registers_json(),
                time: meter.clock_json(),
                time_is_over: end == End::World,
            };
            meter.shut_down();
            (farewell, meter.broken().map(ToOwned::to_owned), meter.remembered())
        });
        // The receivers may be gone already.
        let _told = self.stop_http.send(true);
        let served = self.server.join();
        // Each is tried, whatever became of the other.
        let written = self.world_file.write(&remembered);
        let synced = self.syncer.sync();
        written.and(synced).map_err(StartError::System)?;
        if let Some(why) = broken {
            return Err(StartError::Meter(why));
        }
        if paced.is_err() || served.is_err() || end == End::Interface {
            return Err(StartError::Meter("a thread of the meter ended by itself".to_owned()));
        }
        Ok(farewell)
    }

    /// What the world knows outlives the process. The clock of a fast world moves much between two of these.
    fn save(&self) {
        let remembered = self.bench.with(|meter| meter.remembered());
        let mut written = self.written.lock();
        if *written != Some(remembered) {
            match self.world_file.write(&remembered) {
                Ok(()) => *written = Some(remembered),
                Err(error) => tracing::warn!(%error, "the world's time cannot be written"),
            }
        }
    }

    /// What was written to the flash outlives the operating system.
    fn sync(&self) {
        if let Err(error) = self.syncer.sync() {
            tracing::warn!(%error, "the flash file cannot be brought to the disk");
        }
    }
}

impl Announcement {
    /// The first line of `--json`.
    #[must_use]
    pub fn json(&self, clients: &Value) -> Value {
        let mut says = json!({
            "wrapper": self.wrapper.to_string(),
            "hdlc": self.hdlc.to_string(),
            "http": self.http.to_string(),
            "state": self.state,
            "system_title": self.system_title,
            "clients": clients,
        });
        for (name, address) in [("optical", self.optical), ("udp", self.udp)] {
            if let Some(address) = address {
                says[name] = json!(address.to_string());
            }
        }
        says
    }
}

impl Farewell {
    /// The last line of `--json`.
    #[must_use]
    pub fn json(&self) -> Value {
        json!({ "registers": self.registers, "time": self.time })
    }
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder { path, error } => write!(f, "state folder {}: {error}", path.display()),
            Self::Trace { path, error } => write!(f, "--pcap {}: {error}", path.display()),
            Self::Flash(error) => write!(f, "{error}"),
            Self::Listen { option, address, error } => {
                write!(
                    f,
                    "cannot listen on {address}: {error}; choose another address with {option} (port 0 is any free one)"
                )
            }
            Self::Meter(why) => f.write_str(why),
            Self::System(error) => write!(f, "{error}"),
        }
    }
}

impl core::error::Error for StartError {}

/// The flash, and whether its file was too short.
fn open_flash(state: &Path, size: FlashSize) -> Result<(FlashFile, bool), StartError> {
    let (flash, found) = FlashFile::open(&state.join("flash.bin"), size).map_err(StartError::Flash)?;
    if let Found::Short { bytes, copy } = &found {
        tracing::warn!(
            "the flash image had only {bytes} bytes; what was there is kept, the file as it was lies at {}",
            copy.display()
        );
    }
    Ok((flash, matches!(found, Found::Short { .. })))
}

fn listen(option: &'static str, address: SocketAddr) -> Result<(SocketAddr, TcpListener), StartError> {
    let failed = |error| StartError::Listen { option, address, error };
    let socket = TcpListener::bind(address).map_err(failed)?;
    Ok((socket.local_addr().map_err(failed)?, socket))
}

fn listen_datagrams(address: SocketAddr) -> Result<(SocketAddr, UdpSocket), StartError> {
    let failed = |error| StartError::Listen {
        option: "--udp",
        address,
        error,
    };
    let socket = UdpSocket::bind(address).map_err(failed)?;
    Ok((socket.local_addr().map_err(failed)?, socket))
}

/// Where the world begins.
fn beginning_of(
    remembered: Option<Remembered>,
    seed: Option<u64>,
    start: Option<Utc>,
) -> Result<Remembered, StartError> {
    let now = || {
        let since = SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or_default();
        Utc::from_unix(i64::try_from(since.as_secs()).unwrap_or(i64::MAX))
    };
    let continued = remembered.filter(|_| seed.is_some()).map(|remembered| remembered.utc);
    let utc = start.or(continued).unwrap_or_else(now);
    if !(2000..=2099).contains(&utc.civil().year()) {
        let why = format!(
            "the world cannot begin at {}: the meter knows the years 2000 to 2099",
            utc.civil()
        );
        return Err(StartError::Meter(why));
    }
    let fresh = Remembered {
        utc,
        rtc_ahead_micros: 0,
        clock_valid: true,
        reserve_used_seconds: 0,
        cut_seconds: 0,
        away_seconds: 0,
        boots: 0,
        meter_cover_open: false,
        terminal_cover_open: false,
        magnet_near: false,
        tariff_input: metrology::Tariff::FIRST,
    };
    // While the process was away the meter had no power.
    let before = remembered.unwrap_or(fresh);
    let away_seconds = u64::try_from(utc.seconds_since(before.utc)).unwrap_or(0);
    Ok(Remembered {
        utc,
        away_seconds,
        ..before
    })
}

fn thread(name: &str, work: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, StartError> {
    std::thread::Builder::new()
        .name(name.to_owned())
        .spawn(work)
        .map_err(StartError::System)
}

/// Waits for ever; tells when the process is asked to end. Whoever asks three times does not want to wait for the goodbye.
async fn asked_to_stop(signals: (io::Result<Signal>, io::Result<Signal>), asked: &Sender<End>) {
    let (Ok(mut interrupt), Ok(mut terminate)) = signals else {
        tracing::warn!("signals cannot be caught; the meter will not save at the end");
        return core::future::pending().await;
    };
    for times in 1.. {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        if times == 3 {
            std::process::exit(130);
        }
        // Nobody listens when the process ends already.
        let _told = asked.send(End::Asked);
    }
}

const SAVING_PERIOD: Duration = Duration::from_millis(100);
/// The flash is synced once a second.
const PERIODS_A_SYNC: u32 = 10;
