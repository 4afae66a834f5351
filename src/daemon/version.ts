/** What this program calls itself towards people and peers. */
import packageJson from '../../package.json' with { type: 'json' };

export const VERSION: string = packageJson.version;
