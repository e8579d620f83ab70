//! Measures the coder on PNG files: `cargo run --release -p burrow-pixels --example measure FILE.png...`
//!
//! For each file it prints the sizes as PNG and packed, their ratio, and the speed of packing and unpacking in megabytes
//! of raw rows a second; then the sums of all. Each file is unpacked and compared. Other files are left out, loudly.

#![allow(clippy::print_stdout, reason = "this is its purpose")]
#![allow(clippy::cast_precision_loss, reason = "figures for people")]

use burrow_pixels::{Decoder, Depth, Effort, Encoder, Layout};
use std::error::Error;
use std::path::Path;
use std::time::{Duration, Instant};

/// What one file or all files came to.
#[derive(Default)]
struct Figures {
    png: u64,
    raw: u64,
    packed: u64,
    packing: Duration,
    unpacking: Duration,
}

impl Figures {
    fn add(&mut self, other: &Self) {
        self.png += other.png;
        self.raw += other.raw;
        self.packed += other.packed;
        self.packing += other.packing;
        self.unpacking += other.unpacking;
    }

    fn print(&self, name: &str) {
        let speed = |time: Duration| self.raw as f64 / 1e6 / time.as_secs_f64();
        println!(
            "{:>10} {:>10} {:.3} {:>7.2} {:>7.2}  {name}",
            self.png,
            self.packed,
            self.packed as f64 / self.png as f64,
            speed(self.packing),
            speed(self.unpacking)
        );
    }
}

/// The layout and the raw rows of a PNG file.
fn read(path: &Path) -> Result<(Layout, Vec<u8>), Box<dyn Error>> {
    let mut decoder = png::Decoder::new(std::io::BufReader::new(std::fs::File::open(path)?));
    decoder.set_transformations(png::Transformations::IDENTITY);
    let mut reader = decoder.read_info()?;
    let mut rows = vec![0; reader.output_buffer_size().ok_or("too large")?];
    let info = reader.next_frame(&mut rows)?;
    rows.truncate(info.buffer_size());
    let depth = Depth::from_bits(info.bit_depth as u8).ok_or("no such depth")?;
    let palette = info.color_type == png::ColorType::Indexed;
    let channels = u8::try_from(info.color_type.samples())?;
    Ok((Layout::new(info.width, info.height, channels, depth, palette)?, rows))
}

/// Packs rows, unpacks them and compares.
fn measure(layout: Layout, rows: &[u8], effort: Effort) -> Result<Figures, Box<dyn Error>> {
    let start = Instant::now();
    let mut encoder = Encoder::new(layout, effort);
    for row in rows.chunks(layout.row_bytes()) {
        encoder.row(row)?;
    }
    let packed = encoder.finish()?;
    let packing = start.elapsed();
    let start = Instant::now();
    let mut decoder = Decoder::new(layout, &packed)?;
    let mut unpacked = vec![0; layout.row_bytes()];
    for row in rows.chunks(layout.row_bytes()) {
        decoder.row(&mut unpacked)?;
        if unpacked != row {
            return Err("unpacked rows differ".into());
        }
    }
    let unpacking = start.elapsed();
    Ok(Figures { png: 0, raw: rows.len() as u64, packed: packed.len() as u64, packing, unpacking })
}

fn main() -> Result<(), Box<dyn Error>> {
    for effort in Effort::ALL {
        println!("{effort:?}\n       PNG     packed ratio packing unpacking (MB/s of raw rows)");
        let mut sum = Figures::default();
        for argument in std::env::args().skip(1) {
            let path = Path::new(&argument);
            match read(path) {
                Ok((layout, rows)) => {
                    let mut figures = measure(layout, &rows, effort)?;
                    figures.png = std::fs::metadata(path)?.len();
                    figures.print(&argument);
                    sum.add(&figures);
                }
                Err(error) => println!("left out: {argument}: {error}"),
            }
        }
        sum.print("all");
    }
    Ok(())
}
