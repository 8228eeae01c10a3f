// Loads a BPF object with random damage, many times: `node objects-main.cjs PERFRING OBJECT SECTION SEED ROUNDS`. It prints
// how often each code came. When the process dies, the last line of descriptor 3 is the seed of the object that did it.
const { readFileSync, writeSync } = require('node:fs');

const [perfring, file, section, seedText, rounds] = process.argv.slice(2);
const { BpfObject } = require(perfring);
const EXTREMES = [0, 1, 0xffff_ffff, 0x7fff_ffff, 0x8000_0000, 0xffff_fff0, 0x1_0000];

let seed = Number(seedText);
/** A number below `limit`. */
function random(limit) {
  seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
  return Math.floor((seed / 2 ** 32) * limit);
}

/** Offset and size of the sections with the wanted name; of all for `all`. */
function sectionsOf(bytes) {
  const headers = Number(bytes.readBigUInt64LE(0x28));
  const header = (index) => ({
    name: bytes.readUInt32LE(headers + index * 64),
    offset: Number(bytes.readBigUInt64LE(headers + index * 64 + 24)),
    size: Number(bytes.readBigUInt64LE(headers + index * 64 + 32)),
  });
  const names = header(bytes.readUInt16LE(0x3e)).offset;
  const nameOf = ({ name }) => bytes.toString('latin1', names + name, bytes.indexOf(0, names + name));
  return Array.from({ length: bytes.readUInt16LE(0x3c) }, (_, index) => header(index)).filter(
    (one) => one.size > 0 && (section === 'all' || nameOf(one) === section),
  );
}

function damage(bytes, { offset, size }) {
  const at = offset + (random(2) === 0 ? random(size) : random(size) & ~3);
  if (at + 4 > bytes.length) return;
  const kind = random(4);
  if (kind === 0) bytes[at] = random(256);
  else if (kind === 1) bytes.writeUInt32LE(EXTREMES[random(EXTREMES.length)], at);
  else if (kind === 2) bytes.writeUInt32LE(random(2 ** 32), at);
  else bytes.writeUInt32LE((bytes.readUInt32LE(at) + random(64) - 32) >>> 0, at);
}

async function main() {
  const original = readFileSync(file);
  const sections = sectionsOf(original);
  const codes = {};
  for (let round = 0; round < Number(rounds); round++) {
    writeSync(3, `${seed}\n`);
    const bytes = Buffer.from(original);
    for (let left = 1 + random(3); left > 0; left--) damage(bytes, sections[random(sections.length)]);
    let code = 'loaded';
    let object;
    try {
      object = BpfObject.open(new Uint8Array(bytes));
      await object.load();
    } catch (error) {
      code = String(error.code ?? error);
    }
    object?.close();
    codes[code] = (codes[code] ?? 0) + 1;
  }
  console.log(JSON.stringify(codes));
}

void main();
