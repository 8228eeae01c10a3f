import { describeWithPrograms } from '../../support/programs';

/** A `describe` that packs the package. It is skipped where that is not possible, and its title says why. */
export function describePacked(title: string, body: () => void): void {
  if (process.arch === 'x64') {
    describeWithPrograms('FOR_PACKING', title, body);
    return;
  }
  describe.skip(`${title} (packing needs an x64 machine)`, body);
}
