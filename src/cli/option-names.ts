import type { Command } from 'commander';

/** What people typed for a field of the API: a failure about the field is shown under that name. */

/** Options, by the fields of the API that have another name. An option that a command does not have is not meant there. */
const OPTIONS: Readonly<Record<string, string>> = {
  genName: 'generator',
  options: 'option',
  swaggerUrl: 'document',
  tags: 'tag',
  hosts: 'host',
  clientName: 'name',
  grantTypes: 'grant',
  redirectUris: 'redirectUri',
  postLogoutRedirectUris: 'postLogoutRedirectUri',
  scopes: 'scope',
  phoneNumber: 'phone',
  roles: 'role',
  rights: 'right',
};

/** The name of a field: `--generator`, `--option dates`, or the field's own where the command has no option for it. */
export type NameOfField = (field: string) => string;

/** @param command that ran; undefined where none did */
export function namesIn(command: Command | undefined): NameOfField {
  return (field) => {
    const [first = '', ...rest] = field.split('/');
    const name = Object.hasOwn(OPTIONS, first) ? (OPTIONS[first] ?? first) : first;
    const option = command?.options.find((each) => each.attributeName() === name);
    // The place in a list says nothing of what was typed.
    const inside = rest.filter((part) => !/^[0-9]+$/.test(part)).map((part) => ` ${part}`);
    if (option?.long) return option.long + inside.join('');
    const isArgument = command?.registeredArguments.some((each) => each.name() === name) ?? false;
    return isArgument ? name : field;
  };
}

/** A message of a failure, which begins with the field, and has further ones behind `; `. */
export const withNames = (message: string, fields: readonly string[], nameOf: NameOfField): string =>
  message
    .split('; ')
    .map((part) => {
      const field = fields.find((each) => part.startsWith(`${each}: `) || part.startsWith(`${each}, `));
      return field === undefined ? part : nameOf(field) + part.slice(field.length);
    })
    .join('; ');
