"use strict";
/* SHA-256 (FIPS 180-4) of what is too large to lie in memory at once. crypto.subtle wants everything in one piece;
   wherever that is possible, it is used. */
class Sha256 {
  constructor() {
    this.state = Uint32Array.from(Sha256.START);
    this.words = new Uint32Array(64);
    this.block = new Uint8Array(64);
    this.filled = 0;
    this.bytes = 0;
  }

  update(data) {
    this.bytes += data.length;
    let at = 0;
    if (this.filled) {
      at = Math.min(64 - this.filled, data.length);
      this.block.set(data.subarray(0, at), this.filled);
      this.filled += at;
      if (this.filled < 64) return;
      this.turn(this.block, 0);
    }
    for (; at + 64 <= data.length; at += 64) this.turn(data, at);
    this.block.set(data.subarray(at));
    this.filled = data.length - at;
  }

  finish() {
    const bits = new DataView(new ArrayBuffer(8)), length = this.bytes;
    bits.setUint32(0, Math.floor(length / 0x20000000));
    bits.setUint32(4, (length * 8) >>> 0);
    const pad = new Uint8Array(((119 - (length % 64)) % 64) + 1);
    pad[0] = 0x80;
    this.update(pad);
    this.update(new Uint8Array(bits.buffer));
    const out = new DataView(new ArrayBuffer(32));
    this.state.forEach((word, index) => out.setUint32(4 * index, word));
    return new Uint8Array(out.buffer);
  }

  turn(data, at) {
    const w = this.words, k = Sha256.ROUNDS;
    for (let i = 0; i < 16; i++, at += 4) {
      w[i] = (data[at] << 24) | (data[at + 1] << 16) | (data[at + 2] << 8) | data[at + 3];
    }
    for (let i = 16; i < 64; i++) {
      const x = w[i - 15], y = w[i - 2];
      const s0 = ((x >>> 7) | (x << 25)) ^ ((x >>> 18) | (x << 14)) ^ (x >>> 3);
      const s1 = ((y >>> 17) | (y << 15)) ^ ((y >>> 19) | (y << 13)) ^ (y >>> 10);
      w[i] = (w[i - 16] + s0 + w[i - 7] + s1) | 0;
    }
    let [a, b, c, d, e, f, g, h] = this.state;
    for (let i = 0; i < 64; i++) {
      const s1 = ((e >>> 6) | (e << 26)) ^ ((e >>> 11) | (e << 21)) ^ ((e >>> 25) | (e << 7));
      const t1 = (h + s1 + ((e & f) ^ (~e & g)) + k[i] + w[i]) | 0;
      const s0 = ((a >>> 2) | (a << 30)) ^ ((a >>> 13) | (a << 19)) ^ ((a >>> 22) | (a << 10));
      const t2 = (s0 + ((a & b) ^ (a & c) ^ (b & c))) | 0;
      h = g; g = f; f = e; e = (d + t1) | 0; d = c; c = b; b = a; a = (t1 + t2) | 0;
    }
    const s = this.state;
    s[0] += a; s[1] += b; s[2] += c; s[3] += d; s[4] += e; s[5] += f; s[6] += g; s[7] += h;
  }
}
(() => {
  /* The first 32 bits behind the point of the square and cube roots of the first primes. */
  const primes = [];
  for (let n = 2; primes.length < 64; n++) if (primes.every(p => n % p)) primes.push(n);
  const behind = x => ((x - Math.floor(x)) * 0x100000000) >>> 0;
  Sha256.START = primes.slice(0, 8).map(p => behind(Math.sqrt(p)));
  Sha256.ROUNDS = Uint32Array.from(primes, p => behind(Math.cbrt(p)));
})();
