// Style sheets as strings in the one bundle, made constructable by Lit: no second file to serve, and no inline style for a policy to forbid.

import { type CSSResult, unsafeCSS } from 'lit';
import pageText from './page.css?inline';
import sharedText from './shared.css?inline';

export const shared = unsafeCSS(sharedText);

/** The shared sheet, then a component's own. */
export function sheets(own: string): CSSResult[] {
  return [shared, unsafeCSS(own)];
}

export function stylePage(document: Document): void {
  const sheet = unsafeCSS(pageText).styleSheet;
  if (sheet) document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet];
}
