//! `ferraris bench`: the type test of the meter's metrology, on modelled meters whose true energies are known in closed form.
//!
//! ```text
//! seed -> Specimen (flawed sensors, calibrated once) --.
//! Plan (trials, rows with limits) ---------------------+--> Outcome of each trial, on all cores --> Report --> table, JSON, page
//! ```
//!
//! The same seed gives the same report, whatever the number of cores.

mod chart;
mod condition;
mod limits;
mod page;
mod plan;
mod report;
mod source;
mod specimen;
mod supply;
mod supply_curves;
mod supply_plan;
mod trial;
mod variant;
mod warm_supply;

use core::num::NonZero;
use core::sync::atomic::{AtomicUsize, Ordering};
use std::io::Write;
use std::path::PathBuf;
use std::sync::Mutex;

use anyhow::Context;

use self::plan::{Plan, plan};
use self::report::{MeterReport, Report};
use self::specimen::{Chance, Specimen};
use self::trial::Outcome;
use self::variant::Variant;

/// Run the type test of EN 50470-3 and IEC 62053-21 to -24 on modelled meters; fails when a limit is exceeded
#[derive(Debug, clap::Args)]
pub(crate) struct BenchArgs {
    /// Test this variant only
    #[arg(long, value_enum)]
    variant: Option<Variant>,

    /// Seed of the sensors' errors and of all noise
    #[arg(long, default_value_t = 1)]
    seed: u64,

    /// Only the corners of the tables, measured shorter: for continuous integration
    #[arg(long)]
    quick: bool,

    /// Threads [default: one per core]
    #[arg(long)]
    threads: Option<NonZero<usize>>,

    /// Spoil the current gains by this much after the calibration, to see that the bench finds it
    #[arg(long, value_name = "PERCENT", default_value_t = 0.0, allow_negative_numbers = true, value_parser = spoilt)]
    miscalibrate: f64,

    /// Print one JSON object instead of a table
    #[arg(long)]
    json: bool,

    /// Also write the report with error curves as one self-contained page
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
}

/// Runs the command.
///
/// # Errors
/// When a limit is exceeded, after the report was printed; or when the page cannot be written.
pub(crate) fn run(args: BenchArgs) -> anyhow::Result<()> {
    let report = measure(&args)?;
    if let Some(file) = &args.html {
        std::fs::write(file, page::page(&report)).with_context(|| format!("cannot write {}", file.display()))?;
    }
    let text = if args.json {
        serde_json::to_string_pretty(&report)? + "\n"
    } else {
        report.to_string()
    };
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        // Whoever reads us, such as `head`, may have read enough.
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => {}
        written => written?,
    }
    anyhow::ensure!(
        report.summary.exceeded == 0,
        "{} of {} limits are exceeded",
        report.summary.exceeded,
        report.summary.limits
    );
    Ok(())
}

/// Makes the meters, runs every trial on all cores, and reports.
fn measure(args: &BenchArgs) -> anyhow::Result<Report> {
    let variants = match args.variant {
        Some(variant) => vec![variant],
        None => Variant::ALL.to_vec(),
    };
    let mut meters: Vec<(Specimen, Plan)> = Vec::new();
    for variant in variants {
        // Different meters of a seed differ in their sensors too.
        let seed = Chance(args.seed ^ (variant as u64) << 56).bits();
        let specimen = Specimen::new(variant, seed, args.quick, args.miscalibrate)?;
        meters.push((specimen, plan(variant, args.quick)));
    }
    let threads = args.threads.map_or_else(
        || std::thread::available_parallelism().map_or(1, NonZero::get),
        NonZero::get,
    );
    let outcomes = run_all(&meters, args.seed, threads)?;
    let reports = meters
        .into_iter()
        .zip(outcomes)
        .map(|((specimen, plan), outcomes)| MeterReport::new(&specimen, plan.rows, &outcomes))
        .collect();
    Ok(Report::new(args.seed, args.quick, args.miscalibrate, reports))
}

/// The outcomes of every meter, in the order of its trials. Long trials are begun first, so that no core waits at the end.
fn run_all(meters: &[(Specimen, Plan)], seed: u64, threads: usize) -> anyhow::Result<Vec<Vec<Outcome>>> {
    let mut jobs: Vec<(usize, usize, f64)> = Vec::new();
    for (meter, (_specimen, plan)) in meters.iter().enumerate() {
        let of_meter = plan.trials.iter().enumerate();
        jobs.extend(of_meter.map(|(trial, it)| (meter, trial, it.seconds())));
    }
    jobs.sort_by(|one, other| other.2.total_cmp(&one.2));
    let next = AtomicUsize::new(0);
    let done: Mutex<Vec<(usize, usize, anyhow::Result<Outcome>)>> = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _thread in 0..threads {
            scope.spawn(|| {
                while let Some((meter, trial, _seconds)) = jobs.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let (specimen, plan) = &meters[*meter];
                    // Noise depends on meter and trial, not on the order in which they happen to run.
                    let seed = Chance(seed ^ ((specimen.variant as u64) << 56) ^ ((*trial as u64 + 1) << 32)).bits();
                    let outcome = plan.trials[*trial].run(specimen, seed);
                    let mut done = done.lock().expect("no thread panics while it holds the list");
                    done.push((*meter, *trial, outcome));
                }
            });
        }
    });
    let mut done = done.into_inner().expect("no thread panics while it holds the list");
    done.sort_by_key(|(meter, trial, _outcome)| (*meter, *trial));
    let mut outcomes: Vec<Vec<Outcome>> = meters.iter().map(|_meter| Vec::new()).collect();
    for (meter, _trial, outcome) in done {
        outcomes[meter].push(outcome?);
    }
    Ok(outcomes)
}

fn spoilt(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(percent) if (-10.0..=10.0).contains(&percent) => Ok(percent),
        _ => Err("-10 to 10 percent are allowed".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quick(variant: Variant, threads: usize, miscalibrate: f64) -> Report {
        let args = BenchArgs {
            variant: Some(variant),
            seed: 7,
            quick: true,
            threads: NonZero::new(threads),
            miscalibrate,
            json: false,
            html: None,
        };
        measure(&args).expect("a good seed")
    }

    /// M1, M3, M5, M7: a calibrated meter keeps every limit, and nearly every goal despite its noise.
    #[test]
    fn a_calibrated_meter_passes_its_type_test() {
        let report = quick(Variant::St402c, 2, 0.0);
        println!("{report}");
        assert_eq!(report.summary.exceeded, 0);
        assert!(
            report.summary.goals_missed * 50 <= report.summary.goals,
            "{}",
            report.summary
        );
        let page = page::page(&report);
        assert!(page.contains("<svg") && !page.contains("NaN") && !page.contains("http"));
        assert_eq!(page.matches("<svg").count(), page.matches("</svg>").count());
        // A measured spectrum has its curve, with a point for every order that the sampling rate lets through.
        for channel in ["U", "I"] {
            let title = format!(">Harmonics of {channel} at 50.013 Hz");
            let (_before, chart) = page.split_once(&title).expect("a curve of the harmonics");
            let (chart, _after) = chart.split_once("</svg>").expect("a chart ends");
            assert_eq!(chart.matches("<circle").count(), 49);
        }
    }

    /// A bench that cannot fail proves nothing: 0.7 % are too much for class C, not for class 2. And the same seed gives the
    /// same report on any number of threads.
    #[test]
    fn a_spoilt_meter_fails_where_it_must() {
        let report = quick(Variant::Sm402d, 1, 0.7);
        let exceeded: Vec<&str> = report.meters[0]
            .lines
            .iter()
            .flat_map(|line| line.exceeded())
            .map(|limit| limit.name.as_str())
            .collect();
        assert!(exceeded.contains(&"EN 50470-3 C"));
        assert!(!exceeded.contains(&"IEC 62053-21 cl. 2"));
        assert!(report.to_string().contains("EXCEEDED: EN 50470-3 C"));
        assert!(page::page(&report).contains("class=\"bad\""));
        let json = |report: &Report| serde_json::to_string(report).expect("plain data");
        assert_eq!(json(&report), json(&quick(Variant::Sm402d, 3, 0.7)));
    }
}
