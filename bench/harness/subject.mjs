import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { createInterface } from 'node:readline';

/**
 * A program that speaks the line protocol (bench/protocol.md), pinned with all its threads to one CPU.
 * One question is in flight at a time. A program that ends or answers `error` fails the question.
 */
export class Subject {
  /** Whether programs run ahead of what else the machine does: each is a scheduling group of its own, at nice -20. */
  static ahead = false;
  #child;
  #waiting = null;
  #ended = null;

  /** @param {{ name: string, command: string[], cpu: number }} options */
  constructor({ name, command, cpu }) {
    this.name = name;
    this.#child = spawn('taskset', ['-c', String(cpu), ...command], {
      stdio: ['pipe', 'pipe', 'inherit'],
      detached: Subject.ahead,
    });
    if (Subject.ahead) writeFileSync(`/proc/${this.#child.pid}/autogroup`, '-20');
    createInterface({ input: this.#child.stdout }).on('line', (line) => this.#answered(line));
    this.#child.on('error', (error) => this.#end(error));
    this.#child.on('exit', (code, signal) => this.#end(new Error(`${name} ended (${signal ?? code})`)));
    this.#child.stdin.on('error', () => {}); // the exit says why
  }

  get pid() {
    return this.#child.pid;
  }

  /** Sends one line and returns the next line of the program's output. */
  ask(question) {
    if (this.#ended !== null) return Promise.reject(this.#ended);
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject };
      this.#child.stdin.write(`${JSON.stringify(question)}\n`);
    });
  }

  /** Closes its input, which ends it; a program that ignores that for a second is killed. */
  async end() {
    if (this.#ended !== null) return;
    const exited = new Promise((resolve) => this.#child.once('exit', resolve));
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), 1000);
    this.#child.stdin.end();
    await exited;
    clearTimeout(timer);
  }

  #answered(line) {
    const waiting = this.#waiting;
    this.#waiting = null;
    let answer;
    try {
      answer = JSON.parse(line);
    } catch {
      answer = { error: `not JSON: ${line}` };
    }
    if (answer.error === undefined) waiting?.resolve(answer);
    else waiting?.reject(new Error(`${this.name}: ${answer.error}`));
  }

  #end(error) {
    this.#ended = error;
    this.#waiting?.reject(error);
    this.#waiting = null;
  }
}
