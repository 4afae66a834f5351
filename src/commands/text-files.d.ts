/** Files that the binary carries as text (`with { type: 'text' }`). */
declare module '*.sh' {
  const text: string;
  export default text;
}
