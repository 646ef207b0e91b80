"""The page that the demo ends with."""
import re

from demo_parts.page import Example, write_page


def test_page_is_self_contained(tmp_path):
    picture = tmp_path / 'less' / 'a&b.png'
    write_page(tmp_path / 'index.html', 'Toys & more', [
        Example('LESS', 'Finds <things>.', 'mIoU 46.0', [
            (picture, '"the chair"')
        ], 'infer.py --text "x"', [(tmp_path / 'less' / 'a.html', 'to turn')])
    ])
    page = (tmp_path / 'index.html').read_text()
    assert re.findall(r'(?:src|href)="([^"]*)"',
                      page) == ['less/a&amp;b.png', 'less/a.html']
    assert 'Finds &lt;things&gt;.' in page
    assert '<h1>Toys &amp; more</h1>' in page
    assert '://' not in page
