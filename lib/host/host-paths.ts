/** Where the kernel shows itself in the file system. Tests, and chroots, put other roots in. */
export interface HostPaths {
  readonly proc: string;
  readonly sys: string;
}

export const HOST_PATHS: HostPaths = { proc: '/proc', sys: '/sys' };
