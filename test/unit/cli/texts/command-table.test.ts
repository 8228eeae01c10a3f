import { Command, Option } from 'commander';
import { commandTable } from '../../../../lib/cli/texts/command-table';

describe('commandTable', () => {
  it('has every command, with the flags and the values of its options', () => {
    const program = new Command('perfring');
    program
      .command('collect')
      .argument('[object]')
      .description('Collect.')
      .optionsGroup('What comes out:')
      .option('-f, --format <name>', 'the format')
      .option('--attach <program[=target]>', 'attach')
      .option('-q, --quiet', 'no summary')
      .addHelpOption(new Option('-h, --help', 'print this').helpGroup('Help:'));
    const [collect, ...others] = commandTable(program);
    expect(others).toEqual([]);
    expect(collect).toMatchObject({
      name: 'collect',
      description: 'Collect.',
      arguments: ['[object]'],
      argumentValues: 'files',
    });
    expect(collect?.options).toEqual([
      {
        flags: ['-f', '--format'],
        value: 'name',
        description: 'the format',
        group: 'What comes out',
        values: ['table', 'ndjson', 'raw'],
      },
      {
        flags: ['--attach'],
        value: 'program[=target]',
        description: 'attach',
        group: 'What comes out',
        values: undefined,
      },
      {
        flags: ['-q', '--quiet'],
        value: undefined,
        description: 'no summary',
        group: 'What comes out',
        values: undefined,
      },
      {
        flags: ['-h', '--help'],
        value: undefined,
        description: 'print this',
        group: 'Help',
        values: undefined,
      },
    ]);
  });
});
