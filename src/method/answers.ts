/**
 * What the method says to apt, one function a message. Pure. Source: apt's doc/method.md and, for what apt makes of
 * each, apt-pkg/acquire-worker.cc.
 */
import { encodeMessage } from './message.ts';
import type { WantedFile } from './wanted-file.ts';

/** How a file has ended. */
export type Outcome =
  | {
      readonly kind: 'done';
      readonly sizeBytes: number;
      readonly resumedAt: number;
      /** As the daemon gave it. */
      readonly lastModified: string | undefined;
      /** "sha256" and its hexadecimal digest, counted while the bytes were written. apt counts by itself where it isn't told. */
      readonly hash: { readonly algorithm: string; readonly hex: string } | undefined;
      /** Where it came from, in the daemon's words. */
      readonly source: string | undefined;
    }
  /** What apt has is what there is. */
  | { readonly kind: 'unchanged'; readonly lastModified: string | undefined }
  | { readonly kind: 'redirect'; readonly why: string }
  | {
      readonly kind: 'failed';
      readonly text: string;
      readonly reason?: string;
      readonly isTransient?: boolean;
    };

export function capabilities(): string {
  return encodeMessage(100, 'Capabilities', {
    Version: '1.2',
    'Send-Config': 'true',
    Pipeline: 'true',
    'Send-URI-Encoded': 'true',
  });
}

export function log(text: string): string {
  return encodeMessage(101, 'Log', { Message: text });
}

/** Shown while no file is announced. */
export function status(text: string): string {
  return encodeMessage(102, 'Status', { Message: text });
}

export function warning(text: string): string {
  return encodeMessage(104, 'Warning', { Message: text });
}

/** apt shows progress by the size of the file that was announced last. */
export function started(
  { uri }: WantedFile,
  { sizeBytes, resumedAt, lastModified }: { sizeBytes?: number; resumedAt?: number; lastModified?: string },
): string {
  return encodeMessage(200, 'URI Start', {
    URI: uri,
    Size: sizeBytes,
    'Resume-Point': resumedAt || undefined,
    'Last-Modified': lastModified,
  });
}

export function ended(file: WantedFile, outcome: Outcome): string {
  const { uri, fileName } = file;
  switch (outcome.kind) {
    case 'done':
      return encodeMessage(201, 'URI Done', {
        URI: uri,
        Filename: fileName,
        Size: outcome.sizeBytes,
        'Resume-Point': outcome.resumedAt || undefined,
        'Last-Modified': outcome.lastModified,
        ...hashes(outcome),
        'X-DebTorrent-Source': outcome.source,
      });
    case 'unchanged':
      return encodeMessage(201, 'URI Done', {
        URI: uri,
        Filename: fileName,
        'Last-Modified': outcome.lastModified ?? file.ifModifiedSince,
        'IMS-Hit': 'true',
      });
    case 'redirect':
      return encodeMessage(103, 'Redirect', { URI: uri, 'New-URI': file.plainUri });
    case 'failed':
      return encodeMessage(400, 'URI Failure', {
        URI: uri,
        Message: outcome.text,
        FailReason: outcome.reason,
        'Transient-Failure': outcome.isTransient ? 'true' : undefined,
      });
  }
}

/** With the size among them, which is what apt counts as fetched. */
function hashes({ hash, sizeBytes }: Extract<Outcome, { kind: 'done' }>): Record<string, string> {
  if (!hash) return {};
  return { [`${hash.algorithm.toUpperCase()}-Hash`]: hash.hex, 'Checksum-FileSize-Hash': String(sizeBytes) };
}
