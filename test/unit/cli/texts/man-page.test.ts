import { manPage } from '../../../../lib/cli/texts/man-page';

const PAGE = {
  version: '1.2.3-beta',
  description: "'Samples' of programs.",
  commands: [
    {
      name: 'collect',
      description: 'Write samples.',
      arguments: ['[object]', '<what>'],
      options: [
        {
          flags: ['-f', '--format'],
          value: 'name',
          description: '.table or a \\ backslash',
          group: 'What comes out',
          values: undefined,
        },
      ],
      argumentValues: undefined,
    },
  ],
  notes: { collect: '\nExamples:\n  perfring collect\n' },
} as const;

describe('manPage', () => {
  const lines = manPage(PAGE).split('\n');

  it('has the sections of a manual page, in their order', () => {
    expect(lines.filter((line) => line.startsWith('.SH'))).toEqual([
      '.SH NAME',
      '.SH SYNOPSIS',
      '.SH COMMANDS',
      '.SH EXIT STATUS',
    ]);
    expect(lines[0]).toBe('.TH PERFRING 1 "" "perfring 1.2.3\\-beta" "User Commands"');
  });

  it('names commands, arguments and options', () => {
    expect(lines).toContain('.B perfring collect');
    expect(lines).toContain('[\\fIobject\\fR] \\fIwhat\\fR [\\fIoptions\\fR]');
    expect(lines).toContain('\\fB\\-f\\fR, \\fB\\-\\-format\\fR \\fIname\\fR');
  });

  it('escapes what means something to troff', () => {
    expect(lines).toContain('\\&.table or a \\e backslash');
    expect(lines).toContain("perfring \\- \\&'Samples' of programs.");
  });

  it('shows the notes as they are', () => {
    const at = lines.indexOf('.nf');
    expect(lines.slice(at, at + 4)).toEqual(['.nf', 'Examples:', '  perfring collect', '.fi']);
  });
});
