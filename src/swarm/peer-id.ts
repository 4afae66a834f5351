/** Our peer id: client and version in Azureus style ("-DT0100-"), then twelve random bytes, new at each start (BEP 20). */
export function newPeerId(version: string): Uint8Array {
  const [major = '0', minor = '0', patch = '0'] = version.split('.');
  const id = new Uint8Array(20);
  const tag = `-DT${major.slice(-1)}${minor.slice(-1)}${patch.slice(0, 1)}0-`;
  id.set(new TextEncoder().encode(tag));
  crypto.getRandomValues(id.subarray(8));
  return id;
}
