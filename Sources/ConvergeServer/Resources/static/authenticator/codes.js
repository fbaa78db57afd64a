// Codes by time (RFC 6238): SHA-1, six digits, thirty seconds. Works without a network.
const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
const period = 30;

function bytes(base32) {
  let bits = 0, value = 0;
  const found = [];
  for (const letter of base32) {
    value = (value << 5) | alphabet.indexOf(letter);
    bits += 5;
    if (bits >= 8) found.push((value >>> (bits -= 8)) & 255);
    value &= (1 << bits) - 1;
  }
  return new Uint8Array(found);
}

// The key can be used from now on, and not be read.
export const importKey = (base32) =>
  crypto.subtle.importKey("raw", bytes(base32), { name: "HMAC", hash: "SHA-1" }, false, ["sign"]);

// The code of a moment, in milliseconds since 1970.
export async function code(key, now) {
  const counter = new DataView(new ArrayBuffer(8));
  const step = Math.floor(now / 1000 / period);
  counter.setUint32(0, Math.floor(step / 2 ** 32));
  counter.setUint32(4, step >>> 0);
  const hash = new DataView(await crypto.subtle.sign("HMAC", key, counter.buffer));
  const number = hash.getUint32(hash.getUint8(19) & 15) & 0x7fffffff;
  return String(number % 1000000).padStart(6, "0");
}

// How many seconds it still works.
export const left = (now) => period - (Math.floor(now / 1000) % period);
