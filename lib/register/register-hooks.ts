/** Hooks for `import` of BPF objects: see https://nodejs.org/api/module.html#customization-hooks */
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

/** What a hook returns. */
interface Loaded {
  readonly format: string;
  readonly source: string;
  readonly shortCircuit: boolean;
}

/** The library, which is bundled into the same folder. */
const LIBRARY = pathToFileURL(join(__dirname, 'perfring.js')).href;

/** Makes a module of an object: its default export is the object with its types. */
export async function load(
  url: string,
  context: object,
  nextLoad: (url: string, context: object) => Promise<Loaded>,
): Promise<Loaded> {
  if (!/^file:[^?#]*\.bpf\.o$/.test(url)) return nextLoad(url, context);
  const path = fileURLToPath(url);
  return {
    format: 'module',
    shortCircuit: true,
    source: `import perfring from ${JSON.stringify(LIBRARY)}; export default perfring.readTypedObject(${JSON.stringify(path)});`,
  };
}
