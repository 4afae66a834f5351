/**
 * A stranger's text for a person's eyes, in its own script: without what moves the cursor, changes the direction of
 * writing or can't be seen. For our own sentences, which stay ASCII, see quote-remote.ts.
 */
export function plainText(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu, '\ufffd');
}
