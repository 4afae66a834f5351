/**
 * The licences of what the binary has in it besides our own code: npm packages, by package-lock.json, and the Bun runtime.
 * A package of another licence than the known ones is a matter for people, and stops the build.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dir, '..');
const KNOWN = ['MIT', 'ISC', 'BSD-3-Clause', 'Apache-2.0'];

interface Locked {
  readonly version: string;
  readonly license?: string;
  readonly dev?: boolean;
}

const RUNTIME = `Bun (https://bun.com), the JavaScript runtime that the program is bound to: MIT licence, Copyright (c) Oven. It links
JavaScriptCore and WTF of the WebKit project (GNU Library General Public License, version 2; the source of the
versions used is at https://github.com/oven-sh/WebKit) and further libraries under permissive licences: see
https://bun.com/docs/project/license for all of them.
`;

export function notices(): string {
  const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as {
    readonly packages: Readonly<Record<string, Locked>>;
  };
  const parts = Object.entries(lock.packages).flatMap(([path, { version, license, dev }]) => {
    if (path === '' || dev) return [];
    const name = path.replace(/^.*node_modules\//, '');
    if (license === undefined || !KNOWN.includes(license))
      throw new Error(`${name}: a licence nobody has looked at: ${license}`);
    return [`${name} ${version} (${license})\n\n${licenceText(join(root, path))}`];
  });
  return [RUNTIME, ...parts].join(`\n${'-'.repeat(78)}\n\n`);
}

function licenceText(directory: string): string {
  const file = readdirSync(directory).find((name) => /^licen[cs]e/i.test(name));
  return file === undefined
    ? 'No text comes with it.\n'
    : readFileSync(join(directory, file), 'utf8').trimEnd().concat('\n');
}
