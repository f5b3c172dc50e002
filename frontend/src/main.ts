// TensorBoard imports this file in a bare page without language, title, font or background, and calls render().

import './components/nan-app';
import { stylePage } from './stylesheets';

const TITLE = 'Why training went NaN';

export function render(): void {
  document.documentElement.lang = 'en';
  document.title = TITLE;
  nameFrame();
  stylePage(document);
  document.body.append(document.createElement('nan-app'));
}

function nameFrame(): void {
  try {
    if (window.frameElement) (window.frameElement as HTMLIFrameElement).title = TITLE;
  } catch {
    // A host of another origin keeps its own title.
  }
}
