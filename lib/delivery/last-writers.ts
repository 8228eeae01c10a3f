/**
 * How long a program that read its slot before the slot was changed may still be writing. It runs with preemption off,
 * so only the host of a virtual machine delays it: at worst, records became visible 3.3 ms after their time.
 */
export const LAST_WRITERS_MILLISECONDS = 10;
