'use strict';
// While the document still loads, so that the browser's history keeps the
// shop's page in the place of this one. Where a frame may not do it, the button stays.
document.getElementById('post').submit();
