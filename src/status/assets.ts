/** The files that the status page is shown with. The binary carries them; nothing comes from elsewhere. */
import icon from './assets/icon.svg' with { type: 'text' };
import style from './assets/page.css' with { type: 'text' };
import script from './assets/page.js' with { type: 'text' };

export interface Asset {
  readonly type: string;
  readonly text: string;
}

/** By the last part of their path. */
export const ASSETS: ReadonlyMap<string, Asset> = new Map([
  ['icon.svg', { type: 'image/svg+xml', text: icon }],
  ['page.css', { type: 'text/css; charset=utf-8', text: style }],
  ['page.js', { type: 'text/javascript; charset=utf-8', text: script }],
]);
