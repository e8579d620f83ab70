//! `burrow:vault/codec`: the lossless codec over byte streams.

use burrow_model::error::Error;
use burrow_vault::codec::gzip::{Pack, Unpack};
use burrow_vault::ports::{ByteSource as _, Clock as _};
use spin_sdk::wit_bindgen::{FutureReader, StreamReader, StreamWriter, spawn};

use super::Component;
use crate::bindings::burrow::vault::types as wit;
use crate::bindings::exports::burrow::vault::codec::Guest;
use crate::bindings::{wit_future, wit_stream};
use crate::wasi::Wasi;
use crate::wasi::streams::{Bytes, write};

type Outcome = (StreamReader<u8>, FutureReader<Result<(), wit::Error>>);

impl Guest for Component {
    async fn pack(content: StreamReader<u8>) -> Outcome {
        run(async |mut out| {
            let (mut source, mut pack, clock) = (Bytes(content), Pack::default(), Wasi::default());
            while let Some(piece) = source.next().await? {
                let mut rest = piece.as_slice();
                while !rest.is_empty() {
                    rest = pack.push(rest)?;
                    // Whether there is output to send or not, other tasks may run now.
                    let packed = pack.take();
                    if !packed.is_empty() && !write(&mut out, packed).await {
                        return Ok(());
                    }
                    clock.yield_now().await;
                }
            }
            write(&mut out, pack.finish()?).await;
            Ok(())
        })
    }

    async fn unpack(packed: StreamReader<u8>) -> Outcome {
        run(async |mut out| {
            let (mut source, mut unpack, clock) = (Bytes(packed), Unpack::default(), Wasi::default());
            while let Some(piece) = source.next().await? {
                let mut rest = piece.as_slice();
                while !rest.is_empty() {
                    let unpacked;
                    (unpacked, rest) = unpack.push(rest)?;
                    if !unpacked.is_empty() && !write(&mut out, unpacked).await {
                        return Ok(());
                    }
                    clock.yield_now().await;
                }
            }
            write(&mut out, unpack.finish()?).await;
            Ok(())
        })
    }
}

/// Runs a codec in the background. Its output is the stream, its result the future.
fn run(codec: impl AsyncFnOnce(StreamWriter<u8>) -> Result<(), Error> + 'static) -> Outcome {
    let (out, stream) = wit_stream::new();
    let (result, completion) = wit_future::new(|| Err(wit::Error::Corrupt("the codec was given up".into())));
    spawn(async move {
        let outcome = codec(out).await.map_err(Into::into);
        // If the reader is gone, nobody needs the result.
        let _ = result.write(outcome).await;
    });
    (stream, completion)
}
