// The numbers in counters: 64 bits with a sign.

/** The value of a counter as `get` gives it: 8 bytes, the lowest first. */
export function toBytes(number) {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigInt64(0, number, true);
  return bytes;
}

/** Adds two numbers. */
export function add(number, delta) {
  const sum = number + delta;
  if (BigInt.asIntN(64, sum) !== sum) throw new Error('the sum is out of range');
  return sum;
}
