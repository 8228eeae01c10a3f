import { warn, type WarningCode } from '../delivery/diagnostics';
import type { Notices } from '../delivery/notices';

/**
 * Runs steps that no caller requested. When a step fails, the process is warned once, until the step succeeds. It is
 * tried again at the next occasion.
 */
export class Upkeep {
  readonly #who: string;
  readonly #notices: Notices;
  /** Steps that failed when they were last tried, and the CPUs for which they failed. */
  readonly #failing = new Map<string, Set<number>>();

  /** @param who the subject of warnings: `a reader` */
  constructor(who: string, notices: Notices) {
    this.#who = who;
    this.#notices = notices;
  }

  /**
   * @param what for the warning, after the subject: `cannot set its timer`
   * @param cpu the CPU that the step concerns; -1 for all
   * @returns whether it succeeded
   */
  attempt(code: WarningCode, what: string, step: () => void, cpu = -1): boolean {
    const cpus = this.#failing.get(what);
    try {
      step();
      if (cpus?.delete(cpu) === true && cpus.size === 0) this.#failing.delete(what);
      return true;
    } catch (error) {
      if (cpus === undefined) {
        this.#failing.set(what, new Set([cpu]));
        const message = `${this.#who} ${what}, and will try again: ${String(error)}`;
        this.#notices.add(() => warn(code, message));
      } else {
        cpus.add(cpu);
      }
      return false;
    }
  }
}
